/** A stream of HTTP/2: a request and its answer. */
import type { ErrorCode } from "./frame.ts";
import type { Field } from "./hpack.ts";

/** What a stream needs of its connection. */
export interface Carrier {
  /** Sends fields, which begin the answer, or end it. */
  headers(stream: Stream, block: Uint8Array, end: boolean): void;
  /** Sends a part of the body; resolves when the peer has had room for all of it. */
  data(stream: Stream, pieces: readonly Uint8Array[]): Promise<void> | void;
  /** Lets the client send so many bytes more. */
  credit(stream: Stream, bytes: number): void;
  /** Ends the stream at once. */
  reset(stream: Stream, code: ErrorCode): void;
}

/** Who hears of a request's body and of its end. */
export interface Listener {
  /** A part of the body, good until this returns. Who is done with it says so by {@linkcode Stream.taken}. */
  data(chunk: Uint8Array): void;
  /** The body is whole. */
  end(): void;
  /** The client has cancelled, or is gone: nothing that is sent arrives any more. */
  cancelled(): void;
}

export class Stream {
  readonly id: number;
  readonly fields: readonly Field[];
  listener: Listener | undefined;
  /** Whether the client has said all. */
  requestEnded = false;
  /** Whether the answer is whole, or never will be. */
  closed = false;
  /** How many bytes the client has room for; less than none if it has taken some of that back. */
  sendWindow: number;
  /** How many bytes the client may send. */
  receiveWindow: number;
  /** How many bytes have been taken of which the client has not been told. */
  owed = 0;
  readonly #carrier: Carrier;

  constructor(
    id: number,
    fields: readonly Field[],
    windows: { send: number; receive: number },
    carrier: Carrier,
  ) {
    this.id = id;
    this.fields = fields;
    this.sendWindow = windows.send;
    this.receiveWindow = windows.receive;
    this.#carrier = carrier;
  }

  /** Begins the answer with a block of fields. */
  respond(block: Uint8Array): void {
    this.#carrier.headers(this, block, false);
  }

  /** Sends a part of the answer's body. The next part must wait for the promise, if there is one. */
  send(pieces: readonly Uint8Array[]): Promise<void> | void {
    return this.#carrier.data(this, pieces);
  }

  /** Ends the answer with a block of fields; that may be all of it. */
  finish(block: Uint8Array): void {
    this.#carrier.headers(this, block, true);
  }

  /** So many bytes of the body need no room any more. */
  taken(bytes: number): void {
    this.#carrier.credit(this, bytes);
  }

  reset(code: ErrorCode): void {
    this.#carrier.reset(this, code);
  }
}
