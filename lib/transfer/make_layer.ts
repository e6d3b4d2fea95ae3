/** A layer made in a Worker: two trees in, a file out. */
import { type LayerSource, type MadeLayer, makeLayer, type MakeOptions } from "../archive/mod.ts";
import { Code, CtrError, messageOf } from "../errors.ts";

/** One layer to be made. Can be cloned. */
export interface MakeJob extends Omit<MakeOptions, "signal"> {
  readonly make: LayerSource;
  /** The file that it is written to, in place of what is there. */
  readonly output: string;
}

/** Does the work. Throws what `makeLayer` of lib/archive throws, and ResourceExhausted on a full disk. */
export async function runMakeJob(
  { make, output, compression, sourceDate }: MakeJob,
  signal: AbortSignal,
): Promise<MadeLayer> {
  using file = await Deno.open(output, { write: true, create: true, truncate: true });
  const write = (bytes: Uint8Array<ArrayBuffer>) => {
    try {
      for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
    } catch (error) {
      throw new CtrError(Code.ResourceExhausted, `write layer: ${messageOf(error)}`, { cause: error });
    }
  };
  return await makeLayer(make, write, { compression, sourceDate, signal });
}
