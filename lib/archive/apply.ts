/**
 * A layer's whole way in one pass: digest of what comes, decompression, diff ID, tar, files. Synchronous work,
 * so that it belongs into a Worker; the daemon's main thread must not stall for it.
 */
import { createHash } from "node:crypto";
import { Unpacker } from "./unpacker.ts";
import { decompressor } from "./decompress.ts";
import { TarReader } from "./reader.ts";
import { checkInflation, type InflationLimit, layerInflation } from "./inflation.ts";
import type { ByteText } from "./names.ts";
import type { Form } from "./whiteouts.ts";

/** Where a layer goes. */
export interface LayerTarget {
  /** An existing directory: overlayfs's upper directory, or the root of a tree to be changed. */
  readonly dir: string;
  readonly form: Form;
}

/** What is known of a layer when it has been unpacked. */
export interface AppliedLayer {
  /** Digest and length of the layer as it came. */
  readonly digest: string;
  readonly compressedSize: number;
  /** Digest and length of the tar in it. */
  readonly diffId: string;
  readonly size: number;
  readonly entries: number;
  /** Directories made without an entry of their own: see {@linkcode adoptParents}. */
  readonly impliedDirs: ByteText[];
}

/** Unpacks one layer from the pieces pushed into it. Dispose it in any case. */
export class LayerApplier implements Disposable {
  readonly #digest = createHash("sha256");
  readonly #diffId = createHash("sha256");
  readonly #unpacker: Unpacker;
  readonly #reader: TarReader;
  readonly #decompressor = decompressor((chunk, length) => this.#take(chunk, length));
  readonly #limit: InflationLimit;
  #compressed = 0;
  #size = 0;

  constructor(target: LayerTarget, limit: InflationLimit = layerInflation) {
    this.#limit = limit;
    this.#unpacker = new Unpacker(target.dir, target.form);
    this.#reader = new TarReader(this.#unpacker);
  }

  /** Takes the next bytes. Throws InvalidArgument for bad input, ResourceExhausted for a bomb, SystemErrors for what the kernel refuses. */
  push(bytes: Uint8Array<ArrayBuffer>): void {
    this.#digest.update(bytes);
    this.#compressed += bytes.length;
    this.#decompressor.push(bytes);
  }

  #take(chunk: Uint8Array<ArrayBuffer>, length: number) {
    this.#size += length;
    checkInflation("layer", { compressed: this.#compressed, unpacked: this.#size }, this.#limit);
    this.#diffId.update(length === chunk.length ? chunk : chunk.subarray(0, length));
    this.#reader.push(chunk, length);
  }

  /** To be called after the last bytes. Throws InvalidArgument if they weren't the last of the layer. */
  finish(): AppliedLayer {
    this.#decompressor.finish();
    this.#reader.finish();
    this.#unpacker.finish();
    return {
      digest: `sha256:${this.#digest.digest("hex")}`,
      compressedSize: this.#compressed,
      diffId: `sha256:${this.#diffId.digest("hex")}`,
      size: this.#size,
      entries: this.#unpacker.count,
      impliedDirs: this.#unpacker.impliedDirs,
    };
  }

  [Symbol.dispose](): void {
    this.#decompressor[Symbol.dispose]();
    this.#unpacker[Symbol.dispose]();
  }
}

/** How {@linkcode applyLayer} unpacks. */
export interface ApplyOptions {
  /** The layer's media type; the compression is told by the bytes themselves. */
  readonly mediaType?: string;
  readonly target: string;
  readonly form: Form;
  readonly signal?: AbortSignal;
  /** Told of the compressed bytes taken so far. */
  readonly onBytes?: (total: number) => void;
}

/**
 * Unpacks a layer from a stream of its compressed bytes.
 *
 * @example
 * ```ts
 * const { diffId, size } = await applyLayer(file.readable, { target: "/tmp/upper", form: "overlay" });
 * ```
 */
export async function applyLayer(
  source: AsyncIterable<Uint8Array<ArrayBuffer>>,
  { target, form, signal, onBytes }: ApplyOptions,
): Promise<AppliedLayer> {
  using applier = new LayerApplier({ dir: target, form });
  let total = 0;
  for await (const bytes of source) {
    signal?.throwIfAborted();
    applier.push(bytes);
    onBytes?.(total += bytes.length);
  }
  signal?.throwIfAborted();
  return applier.finish();
}
