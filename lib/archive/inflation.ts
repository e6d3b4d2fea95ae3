/** How much compressed input may hold: more is made to fill disks. */
import { Code, CtrError } from "../errors.ts";

/** Bytes that anything may unpack to, and how many more for each byte of it. */
export interface InflationLimit {
  readonly bytes: number;
  readonly ratio: number;
}

/** Of layers. Gzip can't exceed the ratio, so this is about zstd, whose 10 KB may stand for hundreds of MB. */
export const layerInflation: InflationLimit = { bytes: 4 * 2 ** 30, ratio: 1100 };

/** Throws ResourceExhausted, which says what the limit is. */
export function checkInflation(
  what: string,
  { compressed, unpacked }: { compressed: number; unpacked: number },
  { bytes, ratio }: InflationLimit,
): void {
  if (unpacked <= bytes + ratio * compressed) return;
  const limit = `${Math.round(bytes / 2 ** 20)} MiB and ${ratio} times its compressed size`;
  throw new CtrError(
    Code.ResourceExhausted,
    `${what}: ${compressed} bytes unpack to ${unpacked} or more: the limit is ${limit}`,
  );
}
