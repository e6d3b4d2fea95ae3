/** Labels, in lists and on the command line. */
import { usageError } from "../command.ts";

/** `a=b,c=d` in the order of the keys. */
export function labelText(labels: Record<string, string>): string {
  return Object.keys(labels).sort().map((key) => `${key}=${labels[key]}`).join(",");
}

/** Labels of arguments like `key=value`. `key=` is empty, which clears it in an update; `key` alone is `true`. */
export function parseLabels(words: readonly string[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const word of words) {
    const at = word.indexOf("=");
    const key = at < 0 ? word : word.slice(0, at);
    if (!key) throw usageError(`label ${JSON.stringify(word)} has no key: write key=value`);
    labels[key] = at < 0 ? "true" : word.slice(at + 1);
  }
  return labels;
}

/** The field mask that sets just these labels. */
export function labelMask(labels: Record<string, string>): string[] {
  return Object.keys(labels).map((key) => `labels.${key}`);
}
