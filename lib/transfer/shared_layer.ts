/**
 * A layer that two Workers share. One fetches, digests and decompresses it, which is about half of the work, and hands
 * the tar through a {@linkcode makeRing} to the other, which makes files of it.
 *
 * What goes wrong in either half is told by the first, in the order of the layer's bytes: an error of the files
 * belongs to bytes that came earlier than those that it is at.
 */
import { type AppliedTar, LayerDecoder, TarApplier } from "../archive/mod.ts";
import { errorOf, type Failure, failureOf, type UnpackJob } from "./layer_job.ts";
import { resultOf, type Sink } from "./layer_sink.ts";
import { cancelRing, RingReader, RingWriter } from "./ring.ts";

/** The first half's sink. What comes of it lacks what the other half found out. */
export function handing(ring: SharedArrayBuffer): Sink {
  const writer = new RingWriter(ring, (reason) => errorOf(JSON.parse(reason) as Failure));
  const take = (chunk: Uint8Array<ArrayBuffer>, length: number) => writer.write(chunk, length);
  const decoder = new LayerDecoder({ room: () => writer.room(), take });
  /** An error of this half counts only if the files before it are well. */
  const afterFiles = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      writer.cut();
      throw error;
    }
  };
  return {
    push: (bytes) => afterFiles(() => decoder.push(bytes)),
    finish() {
      const result = afterFiles(() => decoder.finish());
      writer.finish();
      return resultOf(result);
    },
    [Symbol.dispose]() {
      decoder[Symbol.dispose]();
      cancelRing(ring);
    },
  };
}

/** The second half. Its failure is the first's to tell, too. */
export function runUnpackJob({ unpack, ring }: UnpackJob): AppliedTar {
  const reader = new RingReader(ring);
  try {
    using applier = new TarApplier(unpack);
    for (let piece; (piece = reader.read());) applier.push(piece, piece.length);
    // Of a layer that was cut off nobody wants the end.
    const result = reader.isWhole ? applier.finish() : { entries: 0, impliedDirs: [] };
    reader.done();
    return result;
  } catch (error) {
    failHalf(ring, error);
    throw error;
  }
}

/** Says why the second half can't go on; also in its place, if its Worker died. */
export function failHalf(ring: SharedArrayBuffer, error: unknown): void {
  new RingReader(ring).fail(JSON.stringify(failureOf(error)));
}
