/** A layer compressed in a Worker: a plain tar in, a file out. */
import { type Compression, Sealed } from "../archive/mod.ts";
import { Code, CtrError, messageOf } from "../errors.ts";

/** One layer to be compressed. Can be cloned. */
export interface CompressJob {
  /** The file to be read. */
  readonly compress: string;
  /** The file that it is written to, in place of what is there. */
  readonly output: string;
  readonly compression: Compression;
}

/** What is known of a layer that was compressed. */
export interface CompressedLayer {
  readonly digest: string;
  readonly size: number;
  /** Digest of the tar. */
  readonly diffId: string;
}

const PIECE = 1 << 20;

/** Does the work. Throws ResourceExhausted on a full disk. */
export async function runCompressJob(
  { compress, output, compression }: CompressJob,
  signal: AbortSignal,
): Promise<CompressedLayer> {
  using from = await Deno.open(compress);
  using to = await Deno.open(output, { write: true, create: true, truncate: true });
  using sealed = new Sealed(compression, (bytes) => {
    try {
      for (let done = 0; done < bytes.length;) done += to.writeSync(bytes.subarray(done));
    } catch (error) {
      throw new CtrError(Code.ResourceExhausted, `write layer: ${messageOf(error)}`, { cause: error });
    }
  });
  const buffer = new Uint8Array(PIECE);
  for (let n; (n = await from.read(buffer)) !== null;) {
    signal.throwIfAborted();
    sealed.push(buffer.subarray(0, n));
  }
  const { digest, size, diffId } = sealed.finish();
  return { digest, size, diffId };
}
