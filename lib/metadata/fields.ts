/** Fields that filters see, in the records of several tables. */
import type { Labels } from "./labels.ts";

/** An entry of a map whose key is the rest of a field path: `labels.a.b` is the label "a.b". */
export function mapField(map: Labels, rest: readonly string[]): string | undefined {
  const key = rest.join(".");
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** The label that a path beginning with "labels" names. */
export function labelsField(
  field: string | undefined,
  rest: readonly string[],
  labels: Labels,
): string | undefined {
  return field === "labels" ? mapField(labels, rest) : undefined;
}

/** A string field, which is absent when empty. */
export function textField(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}
