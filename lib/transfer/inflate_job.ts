/** What is said between {@linkcode inflated} and its Worker, and how much a compressed archive may hold. */
import { Code, CtrError } from "../errors.ts";

export type ToInflater =
  | { readonly type: "bytes"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "end" }
  /** One output has been used. */
  | { readonly type: "used" };

export type FromInflater =
  | { readonly type: "output"; readonly bytes: Uint8Array<ArrayBuffer> }
  /** All of what was asked for has been put out. */
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly code: Code; readonly message: string };

/** Bytes that any compressed archive may hold, and how many more for each of its own. */
export const inflationLimit = { bytes: 256 << 20, ratio: 200 } as const;

/** Throws ResourceExhausted when an archive turns out to be made to fill disks. */
export function checkInflation(compressed: number, unpacked: number): void {
  const { bytes, ratio } = inflationLimit;
  if (unpacked <= bytes + ratio * compressed) return;
  const words = `archive: ${compressed} bytes unpack to more than ${unpacked}: the limit is ` +
    `${bytes >> 20} MiB and ${ratio} times the compressed size; decompress it yourself if that is meant`;
  throw new CtrError(Code.ResourceExhausted, words);
}
