/** One side of a ring on a thread of its own, where it may block. */
/// <reference lib="deno.worker" />
import { Code, isError, messageOf } from "../../../lib/errors.ts";
import { cancelRing, RingReader, RingWriter } from "../../../lib/transfer/ring.ts";
import { concat } from "../../harness/tar.ts";

/** What to do: "writer" and "reader" go all the way, the others only end it. */
export interface Side {
  readonly role: string;
  readonly memory: SharedArrayBuffer;
  readonly bytes?: Uint8Array<ArrayBuffer>;
  readonly lengths?: readonly number[];
  readonly inPlace?: boolean;
}

export interface Outcome {
  readonly ended: string;
  readonly whole?: boolean;
  readonly bytes?: Uint8Array<ArrayBuffer>;
}

self.onmessage = ({ data }: MessageEvent<Side>) => self.postMessage(outcomeOf(data));

function outcomeOf(side: Side): Outcome {
  try {
    if (side.role === "reader") return readAll(new RingReader(side.memory));
    if (side.role === "cancel") cancelRing(side.memory);
    else if (side.role === "cut") new RingWriter(side.memory).cut();
    else writeAll(new RingWriter(side.memory), side);
    return { ended: "finished" };
  } catch (error) {
    return { ended: isError(error, Code.Canceled) ? "Canceled" : messageOf(error) };
  }
}

function writeAll(writer: RingWriter, { bytes = new Uint8Array(0), lengths = [], inPlace }: Side) {
  let at = 0;
  for (const length of lengths) {
    const piece = bytes.subarray(at, at += length);
    if (!inPlace) writer.write(piece);
    else for (let done = 0; done < length;) done += put(writer, piece.subarray(done));
  }
  writer.finish();
}

/** As decompressors do: into the room itself, as much as fits. */
function put(writer: RingWriter, piece: Uint8Array<ArrayBuffer>): number {
  const room = writer.room();
  const n = Math.min(room.length, piece.length);
  room.set(piece.subarray(0, n));
  writer.write(room, n);
  return n;
}

function readAll(reader: RingReader): Outcome {
  const pieces: Uint8Array[] = [];
  for (let piece; (piece = reader.read());) pieces.push(piece.slice());
  reader.done();
  return { ended: "done", whole: reader.isWhole, bytes: concat(pieces) };
}
