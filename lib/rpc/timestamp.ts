/** Times on the wire. */
import type { Timestamp } from "../api/google/protobuf/timestamp.ts";

/** Now, to the microsecond. */
export function now(): Timestamp {
  return fromMillis(nowMillis());
}

/**
 * Now, in milliseconds since the epoch with fractions, by the machine's clock. (`performance.now` counts from the
 * process's start, and neither what a machine sleeps nor what its clock is set by.)
 */
export function nowMillis(): number {
  return Number(Temporal.Now.instant().epochNanoseconds) / 1e6;
}

/** A time in milliseconds since the epoch (with fractions) as a Timestamp. */
export function fromMillis(millis: number): Timestamp {
  const seconds = Math.floor(millis / 1000);
  return { seconds: BigInt(seconds), nanos: Math.floor((millis - seconds * 1000) * 1000) * 1000 };
}

/** A Timestamp in milliseconds since the epoch; undefined for an absent one. */
export function toMillis(time: Timestamp): number {
  return Number(time.seconds) * 1000 + time.nanos / 1e6;
}
