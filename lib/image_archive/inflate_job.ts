/** What is said between {@linkcode inflated} and its Worker, and how much a compressed archive may hold. */
import type { InflationLimit } from "../archive/mod.ts";
import type { Code } from "../errors.ts";

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

/** How much a compressed archive may hold. Who means more decompresses it on the way here. */
export const archiveInflation: InflationLimit = { bytes: 256 << 20, ratio: 200 };
