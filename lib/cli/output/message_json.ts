/** A message as Go's ctr prints it as JSON: names in snake case, two spaces, what is zero or absent left out. */
import { quote } from "./json.ts";

/** `message` over several lines; numbers of 64 bits stay whole. */
export function messageJson(message: object, indent = ""): string {
  const inner = indent + "  ";
  const fields = Object.entries(message).filter(([, value]) => !isZero(value))
    .map(([key, value]) => `${inner}${quote(snake(key))}: ${valueJson(value, inner)}`);
  return fields.length ? `{\n${fields.join(",\n")}\n${indent}}` : "{}";
}

function valueJson(value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    const inner = indent + "  ";
    return `[\n${value.map((item) => inner + valueJson(item, inner)).join(",\n")}\n${indent}]`;
  }
  if (typeof value === "bigint") return String(value);
  return typeof value === "object" && value !== null ? messageJson(value, indent) : quote(value);
}

function isZero(value: unknown): boolean {
  return value === undefined || value === 0 || value === 0n || value === "" || value === false ||
    (Array.isArray(value) && value.length === 0);
}

const snake = (key: string) => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
