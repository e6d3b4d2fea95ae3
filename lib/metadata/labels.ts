/** Labels: their size, and what an empty value means. */
import { invalidArgument } from "../errors.ts";

/** Labels as messages have them. */
export type Labels = Readonly<Record<string, string>>;

const maxBytes = 4096;
const encoder = new TextEncoder();

/** InvalidArgument, starting with `what`, if a key and its value are over 4096 bytes together. */
export function checkLabels(labels: Labels, what: string): void {
  for (const [key, value] of Object.entries(labels)) {
    if (encoder.encode(key).length + encoder.encode(value).length > maxBytes) {
      throw invalidArgument(
        `${what}: label key and value greater than maximum size (${maxBytes} bytes), key: ${
          key.slice(0, 10)
        }`,
      );
    }
  }
}

/** The labels that are kept: an empty value means that there is no such label. */
export function keptLabels(labels: Labels): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ""));
}

/** Labels after an update of the paths "labels.KEY" or "labels"; other paths go to `other`. */
export function updateLabels(
  current: Labels,
  wanted: Labels,
  paths: readonly string[],
  other: (path: string) => void,
): Record<string, string> {
  let labels: Record<string, string> = { ...current };
  for (const path of paths) {
    if (path === "labels") labels = { ...wanted };
    else if (path.startsWith("labels.")) labels[path.slice(7)] = wanted[path.slice(7)] ?? "";
    else other(path);
  }
  return keptLabels(labels);
}

/** Reads the time in a label; undefined if there is none or it is no RFC 3339 time. */
export function timeOf(value: string | undefined): number | undefined {
  if (!value || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(value)) return undefined;
  const millis = Date.parse(value);
  return Number.isNaN(millis) ? undefined : millis;
}
