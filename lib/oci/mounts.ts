/** Mounts as people write them: `type=bind,src=/tmp,dst=/host,options=rbind:ro`. */
import { invalidArgument } from "../errors.ts";
import type { SpecMount } from "./spec.ts";

const sources = ["src", "source"];
const destinations = ["dst", "dest", "destination", "target"];

/**
 * A mount of the runtime spec. Fields are parted by commas; one that holds commas stands in double quotes, as in a
 * line of CSV. Options are parted by colons; one that holds colons has a backslash before each. A mount without a
 * type is a bind mount, and a bind mount is recursive unless its options say `bind`.
 *
 * Throws InvalidArgument without a destination that is an absolute path, without a source for a bind mount, and for
 * a key nobody knows.
 */
export function parseMount(text: string): SpecMount {
  const fields = new Map<string, string>();
  for (const field of splitFields(text)) {
    const at = field.indexOf("=");
    if (at < 0) throw wrong(text, `${JSON.stringify(field)} is no key=value`);
    fields.set(keyOf(field.slice(0, at), text), field.slice(at + 1));
  }
  const destination = fields.get("dst") ?? "";
  if (!destination.startsWith("/")) throw wrong(text, "dst must be an absolute path");
  const type = fields.get("type") || "bind";
  const source = fields.get("src");
  const options = splitOptions(fields.get("options") ?? "");
  if (type === "bind") {
    if (!source) throw wrong(text, "a bind mount needs src");
    if (!options.includes("bind") && !options.includes("rbind")) options.unshift("rbind");
  }
  return { destination, type, ...source && { source }, ...options.length && { options } };
}

function keyOf(key: string, text: string): string {
  if (sources.includes(key)) return "src";
  if (destinations.includes(key)) return "dst";
  if (key === "type" || key === "options") return key;
  throw wrong(text, `no key ${JSON.stringify(key)} (type, src, dst, options)`);
}

function splitFields(text: string): string[] {
  const fields = [...text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"(?=,|$)|([^",]*)(?=,|$))/g)];
  if (fields.reduce((length, [whole]) => length + whole.length, 0) !== text.length) {
    throw wrong(text, "a quote has no other, or does not enclose a field");
  }
  return fields.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain!);
}

function splitOptions(text: string): string[] {
  const options = text.match(/(?:[^:\\]|\\.|\\$)+/g) ?? [];
  return options.map((option) => option.replaceAll("\\:", ":"));
}

const wrong = (text: string, reason: string) => invalidArgument(`mount ${JSON.stringify(text)}: ${reason}`);
