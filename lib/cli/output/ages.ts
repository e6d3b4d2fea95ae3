/** Times and ages. */
import type { Timestamp } from "../../api/google/protobuf/timestamp.ts";
import { toMillis } from "../../rpc/timestamp.ts";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** How long ago something was: `2 seconds`, `About an hour`. */
export function age(time: Timestamp | undefined, now = Date.now()): string {
  const millis = now - (time ? toMillis(time) : now);
  const seconds = Math.trunc(millis / second);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(millis / minute);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.trunc(millis / hour + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(millis / hour / 24 / 365)} years`;
}

/** The zero time of Go: what it prints for a time that was never set. */
const never = { seconds: -62135596800n, nanos: 0 };

/** RFC 3339 with the nanoseconds that count: `2026-11-23T13:07:47.203083775Z`. */
export function rfc3339(time: Timestamp | undefined): string {
  return join(time, "T", "Z");
}

/** RFC 3339 to the second. */
export function rfc3339Seconds(time: Timestamp | undefined): string {
  const { seconds } = time ?? never;
  return join({ seconds, nanos: 0 }, "T", "Z");
}

/** As Go's `Time.String` has it: `2026-11-23 13:08:11.04 +0000 UTC`. */
export function goTime(time: Timestamp | undefined): string {
  return join(time, " ", " +0000 UTC");
}

function join(time: Timestamp | undefined, between: string, end: string): string {
  const { seconds, nanos } = time ?? never;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19).replace("T", between);
  const part = nanos ? "." + String(nanos).padStart(9, "0").replace(/0+$/, "") : "";
  return whole + part + end;
}
