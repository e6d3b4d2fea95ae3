/** Durations as Go writes them: `1h30m`, `1.5s`, `-300ms`; `0` needs no unit. */
import { parseDuration as parse } from "../duration.ts";
import { usageError } from "./command.ts";

/** Milliseconds of a duration in Go's notation. */
export function parseDuration(text: string): number {
  const [, sign, amount = ""] = /^([+-]?)(.*)$/s.exec(text)!;
  const millis = amount === "0" ? 0 : parse(amount);
  if (millis === undefined) {
    throw usageError(`${JSON.stringify(text)} is not a duration (30s, 5m, 1h30m, ...)`);
  }
  return sign === "-" ? -millis : millis;
}
