/** What the bytes of a layer are fed to, in a Worker. */
import { createHash } from "node:crypto";
import { type AppliedTar, type DecodedLayer, LayerApplier, type LayerTarget } from "../archive/mod.ts";
import { Code, CtrError } from "../errors.ts";
import type { LayerResult } from "./layer_job.ts";

/** Takes a layer's bytes; gives what came of it. */
export interface Sink extends Disposable {
  push(bytes: Uint8Array<ArrayBuffer>): void;
  finish(): LayerResult;
}

/** Whether an error says that a layer is no layer. */
export const isBadInput = (error: unknown) =>
  error instanceof CtrError && error.code === Code.InvalidArgument;

/** Only tells the digest. */
export function hashing(): Sink {
  const hash = createHash("sha256");
  let size = 0;
  return {
    push(bytes) {
      hash.update(bytes);
      size += bytes.length;
    },
    finish: () => ({ digest: `sha256:${hash.digest("hex")}`, size }),
    [Symbol.dispose]() {},
  };
}

/** Unpacks into a directory. */
export function unpacking(target: LayerTarget): Sink {
  const applier = new LayerApplier(target);
  return {
    push: (bytes) => applier.push(bytes),
    finish: () => resultOf(applier.finish()),
    [Symbol.dispose]: () => applier[Symbol.dispose](),
  };
}

/** A layer as the pool tells of it. */
export function resultOf(
  { compressedSize, size, ...layer }: DecodedLayer & Partial<AppliedTar>,
): LayerResult {
  return { ...layer, size: compressedSize, unpackedSize: size };
}

/**
 * A sink that takes a blob to its end though what is in it can't be unpacked, and fails only then: bytes that
 * aren't those asked for have to be told from an image that is broken as it was made.
 */
export function outlasting(sink: Sink): Sink {
  let failed: { error: unknown } | undefined;
  return {
    push(bytes) {
      if (failed) return;
      try {
        sink.push(bytes);
      } catch (error) {
        if (!isBadInput(error)) throw error;
        failed = { error };
      }
    },
    finish() {
      if (failed) throw failed.error;
      return sink.finish();
    },
    [Symbol.dispose]() {},
  };
}
