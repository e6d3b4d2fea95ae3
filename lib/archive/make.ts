/**
 * A layer's whole way out: two trees, their changes, tar, diff ID, compression, digest. Nearly all of it is
 * synchronous work, so that it belongs into a Worker; now and then it lets the event loop have a turn.
 */
import { createHash } from "node:crypto";
import { closeFd, openDirectory } from "../sys/mod.ts";
import { Changes } from "./changes.ts";
import type { BothOwners } from "./compare.ts";
import { compressor } from "./compress.ts";
import type { Compression } from "./decompress.ts";
import type { Form } from "./whiteouts.ts";
import { LayerWriter } from "./writer.ts";

/** Milliseconds of work between two turns of the event loop. */
const TURN = 50;

/** What a layer is made of. */
export interface LayerSource {
  /** The tree before, as mounted; none for a layer that holds everything. */
  readonly lower?: string;
  /** The tree after. */
  readonly upper: string;
  /** "overlay": `upper` is an upper directory of overlayfs over `lower`, read without being mounted. */
  readonly form: Form;
  /** Whose files the trees' are: a layer tells the ids within. */
  readonly owners?: BothOwners;
}

/** How {@linkcode makeLayer} writes. */
export interface MakeOptions {
  readonly compression: Compression;
  /** Latest time of any entry, in seconds since the epoch (reproducible-builds.org, SOURCE_DATE_EPOCH). */
  readonly sourceDate?: number;
  readonly signal?: AbortSignal;
}

/** What is known of a layer that was made. */
export interface MadeLayer {
  /** Digest and length of the layer as it was written. */
  readonly digest: string;
  readonly size: number;
  /** Digest and length of the tar in it. */
  readonly diffId: string;
  readonly unpackedSize: number;
  readonly entries: number;
}

/**
 * Writes the layer that leads from one tree to another. The same trees give the same bytes, whichever way they
 * are read. `output` takes them piece by piece, each valid during the call.
 * @throws NeedsMountError if `upper` is an upper directory that can't be understood by itself; InvalidArgument for
 * names and devices that no layer can hold; FailedPrecondition if a file changes while it is read
 */
export async function makeLayer(
  { lower, upper, form, owners = {} }: LayerSource,
  output: (bytes: Uint8Array<ArrayBuffer>) => void,
  { compression, sourceDate, signal }: MakeOptions,
): Promise<MadeLayer> {
  using stack = new DisposableStack();
  const open = (path: string) => stack.adopt(openDirectory(path), (fd) => void closeFd(fd));
  const upperFd = open(upper);
  const lowerFd = lower === undefined ? undefined : open(lower);
  const sealed = stack.use(new Sealed(compression, output));
  const writer = stack.use(
    new LayerWriter(upperFd, (bytes) => sealed.push(bytes), { sourceDate, owners: owners.upper }),
  );
  const changes = new Changes(owners);
  await inTurns(changes.find(lowerFd, upperFd, form), signal);
  await inTurns(writeAll(writer, changes), signal);
  writer.finish();
  return { ...sealed.finish(), entries: writer.count };
}

function* writeAll(writer: LayerWriter, changes: Changes): Generator<void> {
  for (const change of changes.all()) {
    yield* writer.write(change);
    yield;
  }
}

/** Runs work to its end, letting the event loop (an abort, say) have a turn now and then. */
async function inTurns(work: Generator<void>, signal: AbortSignal | undefined): Promise<void> {
  let since = performance.now();
  for (const _ of work) {
    if (performance.now() - since < TURN) continue;
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal?.throwIfAborted();
    since = performance.now();
  }
  signal?.throwIfAborted();
}

/** Digests on both sides of a compressor. */
export class Sealed implements Disposable {
  readonly #digest = createHash("sha256");
  readonly #diffId = createHash("sha256");
  readonly #compressor;
  #size = 0;
  #unpackedSize = 0;

  constructor(compression: Compression, output: (bytes: Uint8Array<ArrayBuffer>) => void) {
    this.#compressor = compressor(compression, (chunk, length) => {
      const bytes = chunk.subarray(0, length);
      this.#digest.update(bytes);
      this.#size += length;
      output(bytes);
    });
  }

  /** Takes the next bytes of the tar. */
  push(bytes: Uint8Array<ArrayBuffer>): void {
    this.#diffId.update(bytes);
    this.#unpackedSize += bytes.length;
    this.#compressor.push(bytes);
  }

  finish(): Omit<MadeLayer, "entries"> {
    this.#compressor.finish();
    return {
      digest: `sha256:${this.#digest.digest("hex")}`,
      size: this.#size,
      diffId: `sha256:${this.#diffId.digest("hex")}`,
      unpackedSize: this.#unpackedSize,
    };
  }

  [Symbol.dispose](): void {
    this.#compressor[Symbol.dispose]();
  }
}
