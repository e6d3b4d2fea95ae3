/** One layer, compressed otherwise: out of the daemon's content store, through here, and back. */
import { decompressor, Sealed } from "../archive/mod.ts";
import { Code, isError } from "../errors.ts";
import { uncompressedLabel } from "../images/mod.ts";
import type { CallOptions } from "../rpc/service.ts";
import type { ContentClient } from "./content.ts";
import type { LayerCompression } from "./media_types.ts";

/** What is put in at once: compressed well it can become thirty thousand times as much. */
const PIECE = 1024;
/** What a message of the content service carries. */
const MESSAGE = 1 << 20;

/** Digest and length of a layer that was made, and the digest of its tar. */
export interface ConvertedLayer {
  readonly digest: string;
  readonly size: number;
  readonly diffId: string;
}

/** Stores the layer `from` compressed as asked. Throws InvalidArgument if it isn't compressed as gzip or zstd are. */
export async function convertLayer(
  content: ContentClient,
  from: { readonly digest: string },
  compression: LayerCompression,
  call: CallOptions,
): Promise<ConvertedLayer> {
  const ref = `convert-${crypto.randomUUID()}`;
  const ready = new Pieces();
  using sealed = new Sealed(
    compression === "uncompressed" ? "none" : compression,
    (bytes) => ready.add(bytes),
  );
  let made: ConvertedLayer | undefined;
  async function* recompressed() {
    using plain = decompressor((chunk, length) => sealed.push(chunk.subarray(0, length)));
    for await (const data of content.read(from.digest, call)) {
      for (let at = 0; at < data.length; at += PIECE) {
        plain.push(data.subarray(at, at + PIECE) as Uint8Array<ArrayBuffer>);
        if (ready.size >= MESSAGE) yield ready.take();
      }
    }
    plain.finish();
    made = sealed.finish();
    yield ready.take();
  }
  try {
    await content.write(ref, recompressed(), call);
  } catch (error) {
    if (!isError(error, Code.AlreadyExists) || !made) {
      await content.abort(ref).catch(() => {});
      throw error;
    }
  }
  const { digest, size, diffId } = made!;
  if (digest !== diffId) await content.label(digest, { [uncompressedLabel]: diffId }, call);
  return { digest, size, diffId };
}

/** Bytes that gather until they are worth a message. */
class Pieces {
  #pieces: Uint8Array[] = [];
  size = 0;

  add(bytes: Uint8Array) {
    this.#pieces.push(bytes.slice());
    this.size += bytes.length;
  }

  take(): Uint8Array {
    const whole = new Uint8Array(this.size);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [];
    this.size = 0;
    return whole;
  }
}
