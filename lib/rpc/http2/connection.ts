/** A server's side of a connection that speaks HTTP/2. Source: RFC 9113. */
import {
  ConnectionError,
  ErrorCode,
  Flag,
  type Frame,
  frame,
  FrameType,
  headerLength,
  preface,
  readFrame,
  readUint31,
  StreamError,
  unpadded,
  writeUint32,
} from "./frame.ts";
import { ended } from "../running.ts";
import { HeaderBlocks, type Headers, longestHeaders } from "./header_blocks.ts";
import { Output } from "./output.ts";
import { Sender } from "./sender.ts";
import { defaultWindow, settingsAck, settingsFrame } from "./settings.ts";
import { type Carrier, Stream } from "./stream.ts";

/** How much of a request's body a client may send before somebody takes it. */
const streamWindow = 1 << 20;
/** How much a client may send of all before it is read; no stream holds up another. */
const connectionWindow = 16 << 20;
const readRoom = 64 << 10;

/** Serves `conn`: `serve` gets each request, and sets its listener before it returns. */
export class Connection implements Carrier {
  readonly #conn: Deno.Conn;
  readonly #serve: (stream: Stream) => void;
  readonly #output: Output;
  readonly #sender: Sender;
  readonly #blocks = new HeaderBlocks();
  readonly #streams = new Map<number, Stream>();
  #lastStream = 0;
  /** How many bytes the client may send, of all streams. */
  #receiveWindow = connectionWindow;

  constructor(conn: Deno.Conn, serve: (stream: Stream) => void) {
    this.#conn = conn;
    this.#serve = serve;
    this.#output = new Output((bytes) => conn.write(bytes));
    this.#sender = new Sender(this.#output);
  }

  /** Reads until the client hangs up or breaks the protocol, then cancels what it had asked for. */
  async run(): Promise<void> {
    this.#output.push(
      settingsFrame({ window: streamWindow, headers: longestHeaders }),
      numberFrame(FrameType.WindowUpdate, 0, connectionWindow - defaultWindow),
    );
    try {
      await this.#read();
    } catch (error) {
      if (error instanceof ConnectionError) await this.#goAway(error.code);
    } finally {
      this.close();
    }
  }

  /** Cancels what is under way, and hangs up. */
  close(): void {
    for (const stream of this.#streams.values()) this.#cancel(stream);
    try {
      this.#conn.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  headers(stream: Stream, block: Uint8Array, end: boolean): void {
    if (stream.closed) return;
    this.#sender.headers(stream, block, end);
    // Who has more to ask is not told to stop (RST_STREAM with NO_ERROR), which the end of the answer says already: grpc-js
    // takes that for a failure of what it still sends, and drops messages that it has not given to anybody yet.
    if (end) this.#remove(stream);
  }

  data(stream: Stream, pieces: readonly Uint8Array[]): Promise<void> | void {
    return this.#sender.data(stream, pieces);
  }

  credit(stream: Stream, bytes: number): void {
    stream.owed += bytes;
    if (stream.owed < streamWindow / 2 || stream.requestEnded || stream.closed) return;
    this.#output.push(numberFrame(FrameType.WindowUpdate, stream.id, stream.owed));
    stream.receiveWindow += stream.owed;
    stream.owed = 0;
  }

  reset(stream: Stream, code: ErrorCode): void {
    if (stream.closed) return;
    this.#output.push(rstStream(stream.id, code));
    this.#cancel(stream);
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(readRoom);
    let greeted = false;
    let end = 0;
    for (;;) {
      const read = await this.#conn.read(buffer.subarray(end));
      if (read === null) return;
      end += read;
      let at = 0;
      if (!greeted) {
        if (!startsAlike(buffer.subarray(0, end), preface)) return;
        if (end < preface.length) continue;
        greeted = true;
        at = preface.length;
      }
      for (let next; (next = readFrame(buffer, at, end)); at += headerLength + next.payload.length) {
        this.#take(next);
      }
      buffer.copyWithin(0, at, end);
      end -= at;
      // Who does not read what it is told is not listened to.
      while (this.#output.full) await this.#output.written();
    }
  }

  #take(frame: Frame): void {
    this.#blocks.check(frame);
    try {
      this.#dispatch(frame);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.reset(error.stream, error.code);
    }
  }

  #dispatch(frame: Frame): void {
    switch (frame.type) {
      case FrameType.Data:
        return this.#data(frame);
      case FrameType.Headers:
      case FrameType.Continuation: {
        const headers = this.#blocks.take(frame);
        if (headers) this.#headers(headers);
        return;
      }
      case FrameType.RstStream:
        return this.#reset(frame);
      case FrameType.Settings:
        return this.#settings(frame);
      case FrameType.PushPromise:
        throw broken("clients push nothing");
      case FrameType.Ping:
        return this.#ping(frame);
      case FrameType.WindowUpdate:
        return this.#windowUpdate(frame);
        // Priorities mean nothing here, nor does a client's last word before its end; what is unknown is passed over.
    }
  }

  #data(frame: Frame): void {
    const { payload, flags } = frame;
    this.#countReceived(payload.length);
    const stream = this.#known(frame);
    if (!stream) return;
    if (stream.requestEnded) throw new StreamError(stream, ErrorCode.StreamClosed, "data after the end");
    stream.receiveWindow -= payload.length;
    if (stream.receiveWindow < 0) {
      throw new StreamError(stream, ErrorCode.FlowControlError, "more data than there is room for");
    }
    const chunk = unpadded(frame);
    if (flags & Flag.EndStream) stream.requestEnded = true;
    else if (chunk.length < payload.length) this.credit(stream, payload.length - chunk.length);
    if (chunk.length > 0) stream.listener?.data(chunk);
    if (stream.requestEnded) stream.listener?.end();
  }

  #countReceived(bytes: number): void {
    this.#receiveWindow -= bytes;
    if (this.#receiveWindow < 0) {
      throw new ConnectionError(ErrorCode.FlowControlError, "more data than there is room for");
    }
    if (this.#receiveWindow > connectionWindow / 2) return;
    const more = connectionWindow - this.#receiveWindow;
    this.#output.push(numberFrame(FrameType.WindowUpdate, 0, more));
    this.#receiveWindow += more;
  }

  #headers({ stream: id, fields, endStream }: Headers): void {
    const known = this.#streams.get(id);
    if (known) return this.#trailers(known, endStream);
    // Ids of clients are odd and rise, so that an answer can never be taken for another's.
    if (id % 2 === 0) throw broken("clients' streams have odd numbers");
    if (id <= this.#lastStream) return;
    this.#lastStream = id;
    if (!fields) return this.#output.push(rstStream(id, ErrorCode.EnhanceYourCalm));
    const windows = { send: this.#sender.initialWindow, receive: streamWindow };
    const stream = new Stream(id, fields, windows, this);
    stream.requestEnded = endStream;
    this.#streams.set(id, stream);
    this.#serve(stream);
    if (endStream) stream.listener?.end();
  }

  #trailers(stream: Stream, endStream: boolean): void {
    if (!endStream || stream.requestEnded) {
      throw new StreamError(stream, ErrorCode.ProtocolError, "headers in the middle");
    }
    stream.requestEnded = true;
    stream.listener?.end();
  }

  #reset(frame: Frame): void {
    if (frame.payload.length !== 4) throw oddLength(frame);
    const stream = this.#known(frame);
    if (stream) this.#cancel(stream);
  }

  #settings({ flags, stream, payload }: Frame): void {
    if (stream !== 0) throw broken("settings of a stream");
    if (flags & Flag.Ack) return;
    this.#sender.settings(payload, this.#streams.values());
    this.#output.push(settingsAck);
  }

  #ping(ping: Frame): void {
    if (ping.stream !== 0) throw broken("a ping of a stream");
    if (ping.payload.length !== 8) throw oddLength(ping);
    if (!(ping.flags & Flag.Ack)) this.#output.push(frame(FrameType.Ping, Flag.Ack, 0, ping.payload));
  }

  #windowUpdate(frame: Frame): void {
    if (frame.payload.length !== 4) throw oddLength(frame);
    const bytes = readUint31(frame.payload, 0);
    const stream = frame.stream === 0 ? undefined : this.#known(frame);
    if (frame.stream !== 0 && !stream) return;
    if (bytes === 0) {
      throw stream
        ? new StreamError(stream, ErrorCode.ProtocolError, "no more room")
        : broken("no more room");
    }
    this.#sender.grow(stream, bytes);
  }

  /** The stream that a frame is of; undefined if it has ended. */
  #known({ stream: id }: Frame): Stream | undefined {
    if (id === 0 || id > this.#lastStream) throw broken("a frame of a stream that has not begun");
    return this.#streams.get(id);
  }

  #cancel(stream: Stream): void {
    this.#remove(stream);
    stream.listener?.cancelled();
  }

  #remove(stream: Stream): void {
    stream.closed = true;
    this.#streams.delete(stream.id);
    this.#sender.wake();
  }

  async #goAway(code: ErrorCode): Promise<void> {
    const payload = new Uint8Array(8);
    writeUint32(payload, 0, this.#lastStream);
    writeUint32(payload, 4, code);
    this.#output.push(frame(FrameType.GoAway, 0, 0, payload));
    // Who breaks the protocol may not read, either.
    await ended([this.#output.drained()]);
  }
}

function startsAlike(a: Uint8Array, b: Uint8Array): boolean {
  const length = Math.min(a.length, b.length);
  for (let n = 0; n < length; n++) if (a[n] !== b[n]) return false;
  return true;
}

function numberFrame(type: number, stream: number, value: number): Uint8Array {
  const payload = new Uint8Array(4);
  writeUint32(payload, 0, value);
  return frame(type, 0, stream, payload);
}

const rstStream = (stream: number, code: ErrorCode) => numberFrame(FrameType.RstStream, stream, code);
const broken = (what: string) => new ConnectionError(ErrorCode.ProtocolError, what);
const oddLength = ({ type, payload }: Frame) =>
  new ConnectionError(ErrorCode.FrameSizeError, `a frame of type ${type} with ${payload.length} bytes`);
