/** Events as JSON lines: the fields of the message by their names on the wire, empty ones left out. */
import * as containers from "../api/events/container.ts";
import * as content from "../api/events/content.ts";
import * as images from "../api/events/image.ts";
import * as namespaces from "../api/events/namespace.ts";
import * as snapshots from "../api/events/snapshot.ts";
import * as tasks from "../api/events/task.ts";
import type { Any } from "../api/google/protobuf/any.ts";
import { nameOf } from "../rpc/any.ts";
import type { Codec } from "../rpc/service.ts";
import { rfc3339 } from "./output/ages.ts";
import { quote } from "./output/json.ts";

// deno-lint-ignore no-explicit-any
const modules: Record<string, any>[] = [containers, content, images, namespaces, snapshots, tasks];

/** One line of JSON for an event; one of an unknown type is shown as its type and bytes. */
export function eventJson(event: Any): string {
  const codec = codecOf(nameOf(event.typeUrl));
  if (!codec) return quote(anyValue(event));
  return quote(plain(codec.decode(event.value)));
}

function codecOf(name: string): Codec<unknown> | undefined {
  // Image events alone are named after their service.
  const [, message] = /^containerd\.(?:events|services\.images\.v1)\.(\w+)$/.exec(name) ?? [];
  if (!message) return undefined;
  return modules.find((module) => message in module)?.[message];
}

function anyValue({ typeUrl, value }: Any): Record<string, unknown> {
  const bytes = value.length ? { value: btoa(String.fromCharCode(...value)) } : {};
  return { type_url: typeUrl, ...bytes };
}

/** A message without its empty fields, its names in snake case. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || value === null) return value;
  if (isTimestamp(value)) return rfc3339(value);
  if (isAny(value)) return anyValue(value);
  const entries = Object.entries(value).filter(([, field]) => !isEmpty(field));
  return Object.fromEntries(
    entries.map(([key, field]) => key === "labels" ? [key, sorted(field)] : [snake(key), plain(field)]),
  );
}

const sorted = (map: Record<string, string>) =>
  Object.fromEntries(Object.entries(map).sort(([a], [b]) => a < b ? -1 : 1));
const snake = (key: string) => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const isTimestamp = (value: object): value is { seconds: bigint; nanos: number } =>
  "seconds" in value && "nanos" in value;
const isAny = (value: object): value is Any => "typeUrl" in value;

function isEmpty(field: unknown): boolean {
  if (field === undefined || field === "" || field === 0 || field === 0n || field === false) return true;
  if (Array.isArray(field)) return field.length === 0;
  return typeof field === "object" && field !== null && !isTimestamp(field) &&
    Object.keys(field).length === 0;
}
