/** The sending half of a connection: as much as the peer has room for, of each stream and of all. */
import { lengthOf } from "../encode.ts";
import { ConnectionError, ErrorCode, Flag, frameHeader, FrameType, StreamError } from "./frame.ts";
import type { Output } from "./output.ts";
import { changed, defaultPeer, defaultWindow, largestWindow, type PeerSettings } from "./settings.ts";
import type { Stream } from "./stream.ts";

export class Sender {
  readonly #output: Output;
  #peer: Readonly<PeerSettings> = defaultPeer;
  #window = defaultWindow;
  #waiting: (() => void)[] = [];

  constructor(output: Output) {
    this.#output = output;
  }

  /** How much of a new stream the peer has room for. */
  get initialWindow(): number {
    return this.#peer.initialWindow;
  }

  headers(stream: Stream, block: Uint8Array, end: boolean): void {
    const flags = Flag.EndHeaders | (end ? Flag.EndStream : 0);
    this.#output.push(frameHeader(block.length, FrameType.Headers, flags, stream.id), block);
  }

  /** Sends a part of a body, at once if there is room for it. What belongs to a closed stream goes nowhere. */
  data(stream: Stream, pieces: readonly Uint8Array[]): Promise<void> | void {
    if (stream.closed) return;
    const length = lengthOf(pieces);
    if (length > this.#room(stream)) return this.#inParts(stream, pieces);
    this.#send(stream, length, pieces);
  }

  /** The peer has room for more: of one stream, or of all. */
  grow(stream: Stream | undefined, bytes: number): void {
    const window = (stream?.sendWindow ?? this.#window) + bytes;
    if (window > largestWindow) {
      if (stream) throw new StreamError(stream, ErrorCode.FlowControlError, "a window too large");
      throw new ConnectionError(ErrorCode.FlowControlError, "a window too large");
    }
    if (stream) stream.sendWindow = window;
    else this.#window = window;
    this.wake();
  }

  /** The peer's settings hold for the streams that there are, too. */
  settings(payload: Uint8Array, streams: Iterable<Stream>): void {
    const before = this.#peer;
    this.#peer = changed(before, payload);
    for (const stream of streams) stream.sendWindow += this.#peer.initialWindow - before.initialWindow;
    this.wake();
  }

  /** Whoever waits for room looks again; also for whether its stream is still there. */
  wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** How long a frame may be just now. */
  #room(stream: Stream): number {
    return this.#output.full ? 0 : Math.min(stream.sendWindow, this.#window, this.#peer.maxFrame);
  }

  async #inParts(stream: Stream, pieces: readonly Uint8Array[]): Promise<void> {
    for (const piece of pieces) {
      for (let at = 0; at < piece.length && !stream.closed;) {
        const room = Math.min(this.#room(stream), piece.length - at);
        if (room > 0) this.#send(stream, room, [piece.subarray(at, at + room)]);
        else await this.#moreRoom();
        at += Math.max(room, 0);
      }
    }
  }

  #send(stream: Stream, length: number, pieces: readonly Uint8Array[]): void {
    stream.sendWindow -= length;
    this.#window -= length;
    this.#output.push(frameHeader(length, FrameType.Data, 0, stream.id), ...pieces);
  }

  #moreRoom(): Promise<void> {
    return this.#output.full ? this.#output.written() : new Promise((resolve) => this.#waiting.push(resolve));
  }
}
