/**
 * Frames of ttrpc: a header of ten bytes (payload length, stream id, type, flags; big-endian), then the payload.
 * Source: containerd/ttrpc, PROTOCOL.md.
 */
import { Code, CtrError } from "../../errors.ts";
import { joined, lengthOf } from "../encode.ts";

/** What a frame is. */
export const FrameType = { Request: 1, Response: 2, Data: 3 } as const;

/** What a frame says beside its payload. */
export const Flag = { RemoteClosed: 1, RemoteOpen: 2, NoData: 4 } as const;

export interface Frame {
  stream: number;
  type: number;
  flags: number;
  payload: Uint8Array;
}

/** The longest payload either side may send. */
export const maxPayload = 4 << 20;

const headerLength = 10;
/** A payload is given this much room at first, however long it claims to be, or what an earlier one filled. */
const firstRoom = 64 << 10;
/** A frame up to this long is sent as one piece; a longer payload is worth a second write rather than a copy. */
const longestCopied = 64 << 10;
const empty = new Uint8Array(0);

/** The connection's peer broke the protocol; nothing more can be read from it. */
export class ProtocolError extends CtrError {
  constructor(message: string) {
    super(Code.Internal, `ttrpc: ${message}`);
  }
}

/** What a frame carries, in one piece or some. */
export type Payload = Uint8Array | readonly Uint8Array[];

/** Sends frames over a connection, one after the other. */
export class FrameWriter {
  readonly #conn: Deno.Conn;
  #last: Promise<void> = Promise.resolve();

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /**
   * Resolves when the kernel has taken the frame: callers that wait for it feel the peer's pace. The payload must
   * stay as it is until then.
   */
  send(stream: number, type: number, flags: number, payload: Payload = empty): Promise<void> {
    const pieces = payload instanceof Uint8Array ? [payload] : payload;
    const length = lengthOf(pieces);
    if (length > maxPayload) {
      const text = `ttrpc: message of ${length} bytes is longer than ${maxPayload}`;
      return Promise.reject(new CtrError(Code.ResourceExhausted, text));
    }
    const header = new Uint8Array(headerLength);
    const view = new DataView(header.buffer);
    view.setUint32(0, length);
    view.setUint32(4, stream);
    header[8] = type;
    header[9] = flags;
    for (const bytes of gathered([header, ...pieces])) {
      this.#last = this.#last.then(() => this.#write(bytes));
    }
    this.#last.catch(() => {});
    return this.#last;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }
}

/** The same bytes in fewer pieces: those that are short are put together. */
function gathered(pieces: readonly Uint8Array[]): Uint8Array[] {
  if (lengthOf(pieces) <= headerLength + longestCopied) return [joined(pieces)];
  const found: Uint8Array[] = [];
  let short: Uint8Array[] = [];
  for (const piece of pieces) {
    if (piece.length <= longestCopied) short.push(piece);
    else {
      if (short.length > 0) found.push(joined(short));
      found.push(piece);
      short = [];
    }
  }
  return short.length > 0 ? [...found, joined(short)] : found;
}

/** Reads frames from a connection until its end. Throws {@linkcode ProtocolError} for what is not one. */
export async function* readFrames(conn: Deno.Conn): AsyncGenerator<Frame, void, undefined> {
  const source = new Source(conn);
  while (true) {
    const header = await source.take(headerLength);
    if (!header) return;
    const view = new DataView(header.buffer, header.byteOffset, headerLength);
    const length = view.getUint32(0);
    const frame = { stream: view.getUint32(4), type: header[8]!, flags: header[9]!, payload: empty };
    if (length > maxPayload) {
      await source.skip(length);
      yield { ...frame, type: oversize };
      continue;
    }
    const payload = length ? await source.take(length) : empty;
    if (!payload) throw new ProtocolError("the connection ended within a frame");
    yield { ...frame, payload };
  }
}

/** The type that {@linkcode readFrames} gives a frame whose payload was too long and has been skipped. */
export const oversize = -1;

/** Bytes of a connection, in the amounts asked for. */
class Source {
  readonly #conn: Deno.Conn;
  readonly #buffer = new Uint8Array(firstRoom);
  #start = 0;
  #end = 0;
  #room = firstRoom;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** `length` bytes of their own; undefined if the connection ends before the first. */
  async take(length: number): Promise<Uint8Array | undefined> {
    let bytes = new Uint8Array(Math.min(length, this.#room));
    let filled = 0;
    while (filled < length) {
      if (filled === bytes.length) bytes = grown(bytes, length);
      const room = bytes.subarray(filled);
      const read = this.#drain(room) || await this.#read(room);
      if (!read) {
        if (filled === 0 && length === headerLength) return undefined;
        throw new ProtocolError("the connection ended within a frame");
      }
      filled += read;
    }
    this.#room = Math.max(this.#room, filled);
    return bytes;
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0;) {
      const chunk = await this.take(Math.min(left, firstRoom));
      left -= chunk!.length;
    }
  }

  /** Reads from the connection when nothing is buffered: long payloads straight into their place. */
  async #read(room: Uint8Array): Promise<number | null> {
    if (room.length >= this.#buffer.length) return await this.#conn.read(room);
    this.#start = 0;
    this.#end = await this.#conn.read(this.#buffer) ?? 0;
    return this.#drain(room);
  }

  #drain(into: Uint8Array): number {
    const count = Math.min(into.length, this.#end - this.#start);
    into.set(this.#buffer.subarray(this.#start, this.#start + count));
    this.#start += count;
    return count;
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.min(length, bytes.length * 4));
  larger.set(bytes);
  return larger;
}
