/**
 * A layer's whole way in one pass: digest of what comes, decompression, diff ID, tar, files. Synchronous work,
 * so that it belongs into a Worker; the daemon's main thread must not stall for it.
 */
import { createHash } from "node:crypto";
import { Unpacker } from "./unpacker.ts";
import { type Decompressor, decompressor } from "./decompress.ts";
import { TarReader } from "./reader.ts";
import { checkInflation, type InflationLimit, layerInflation } from "./inflation.ts";
import type { ByteText } from "./names.ts";
import type { Form } from "./whiteouts.ts";
import type { Output, Room } from "./zlib_handle.ts";

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

/** What is known of a layer by its bytes alone. */
export type DecodedLayer = Omit<AppliedLayer, keyof AppliedTar>;

/** What is known of a layer by what is in its tar. */
export type AppliedTar = Pick<AppliedLayer, "entries" | "impliedDirs">;

/** What takes the tar of a layer. */
export interface TarSink {
  /** Where the next piece is put if the layer is compressed: {@linkcode decompressor}. */
  readonly room?: Room;
  /** The next piece: `length` bytes of `chunk`. */
  readonly take: Output;
}

/** The way from a layer's bytes to its tar, with both digests. Dispose it in any case. */
export class LayerDecoder implements Disposable {
  readonly #digest = createHash("sha256");
  readonly #diffId = createHash("sha256");
  readonly #decompressor: Decompressor;
  readonly #sink: TarSink;
  readonly #limit: InflationLimit;
  #compressed = 0;
  #size = 0;

  constructor(sink: TarSink, limit: InflationLimit = layerInflation) {
    this.#sink = sink;
    this.#limit = limit;
    this.#decompressor = decompressor((chunk, length) => this.#take(chunk, length), sink.room);
  }

  /** Takes the next bytes. Throws InvalidArgument for bad input, ResourceExhausted for a bomb, and what the sink throws. */
  push(bytes: Uint8Array<ArrayBuffer>): void {
    this.#digest.update(bytes);
    this.#compressed += bytes.length;
    this.#decompressor.push(bytes);
  }

  #take(chunk: Uint8Array<ArrayBuffer>, length: number) {
    this.#size += length;
    checkInflation("layer", { compressed: this.#compressed, unpacked: this.#size }, this.#limit);
    // The sink first: another thread may go on with the piece while this one looks at it too.
    this.#sink.take(chunk, length);
    this.#diffId.update(length === chunk.length ? chunk : chunk.subarray(0, length));
  }

  /** To be called after the last bytes. Throws InvalidArgument if they weren't the last of the layer. */
  finish(): DecodedLayer {
    this.#decompressor.finish();
    return {
      digest: `sha256:${this.#digest.digest("hex")}`,
      compressedSize: this.#compressed,
      diffId: `sha256:${this.#diffId.digest("hex")}`,
      size: this.#size,
    };
  }

  [Symbol.dispose](): void {
    this.#decompressor[Symbol.dispose]();
  }
}

/** The way from a layer's tar to files. Dispose it in any case. */
export class TarApplier implements Disposable {
  readonly #unpacker: Unpacker;
  readonly #reader: TarReader;

  constructor(target: LayerTarget) {
    this.#unpacker = new Unpacker(target.dir, target.form);
    this.#reader = new TarReader(this.#unpacker);
  }

  /** Takes the next `length` bytes. Throws InvalidArgument for bad input, SystemErrors for what the kernel refuses. */
  push(chunk: Uint8Array<ArrayBuffer>, length: number): void {
    this.#reader.push(chunk, length);
  }

  /** To be called after the last bytes. Throws InvalidArgument if they weren't the last of the tar. */
  finish(): AppliedTar {
    this.#reader.finish();
    this.#unpacker.finish();
    return { entries: this.#unpacker.count, impliedDirs: this.#unpacker.impliedDirs };
  }

  [Symbol.dispose](): void {
    this.#unpacker[Symbol.dispose]();
  }
}

/** Unpacks one layer from the pieces pushed into it. Dispose it in any case. */
export class LayerApplier implements Disposable {
  readonly #applier: TarApplier;
  readonly #decoder: LayerDecoder;

  constructor(target: LayerTarget, limit?: InflationLimit) {
    const applier = this.#applier = new TarApplier(target);
    this.#decoder = new LayerDecoder({ take: (chunk, length) => applier.push(chunk, length) }, limit);
  }

  /** Takes the next bytes. Throws InvalidArgument for bad input, ResourceExhausted for a bomb, SystemErrors for what the kernel refuses. */
  push(bytes: Uint8Array<ArrayBuffer>): void {
    this.#decoder.push(bytes);
  }

  /** To be called after the last bytes. Throws InvalidArgument if they weren't the last of the layer. */
  finish(): AppliedLayer {
    const decoded = this.#decoder.finish();
    return { ...decoded, ...this.#applier.finish() };
  }

  [Symbol.dispose](): void {
    this.#decoder[Symbol.dispose]();
    this.#applier[Symbol.dispose]();
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
