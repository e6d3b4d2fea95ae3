/** Durations as Go writes them: `1h30m`, `1.5s`, `300ms`; `0` needs no unit. */
import { usageError } from "./command.ts";

const units: Record<string, number> = { ns: 1e-6, us: 1e-3, "µs": 1e-3, ms: 1, s: 1e3, m: 6e4, h: 36e5 };

/** Milliseconds of a duration in Go's notation. */
export function parseDuration(text: string): number {
  if (text === "0") return 0;
  const whole = /^([+-]?)((?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+)$/.exec(text);
  if (!whole) throw usageError(`${JSON.stringify(text)} is not a duration (30s, 5m, 1h30m, ...)`);
  let millis = 0;
  for (const [, amount, unit] of whole[2]!.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g)) {
    millis += Number(amount) * units[unit!]!;
  }
  return whole[1] === "-" ? -millis : millis;
}
