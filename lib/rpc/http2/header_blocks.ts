/** Blocks of header fields, which may come in several frames. */
import { ConnectionError, ErrorCode, Flag, type Frame, FrameType, unpadded } from "./frame.ts";
import { type Field, HeaderDecoder } from "./hpack.ts";
import { joined } from "../encode.ts";

/** How much the fields of a request may count, each with 32 bytes beside its own. */
export const longestHeaders = 64 << 10;

/** A block that is whole. */
export interface Headers {
  readonly stream: number;
  /** Undefined if they are too many. */
  readonly fields: readonly Field[] | undefined;
  /** Whether there is no body. */
  readonly endStream: boolean;
}

/** Puts blocks together. All of them must be read, in their order, as later ones refer to earlier ones. */
export class HeaderBlocks {
  readonly #decoder = new HeaderDecoder(longestHeaders);
  #open: { stream: number; endStream: boolean; pieces: Uint8Array[]; size: number } | undefined;

  /** What a frame of headers or their continuation makes whole. */
  take(frame: Frame): Headers | undefined {
    const { stream, flags, type } = frame;
    const last = (flags & Flag.EndHeaders) !== 0;
    if (type === FrameType.Headers) {
      const block = blockOf(frame);
      const endStream = (flags & Flag.EndStream) !== 0;
      if (last) return { stream, endStream, fields: this.#decoder.decode(block) };
      this.#open = { stream, endStream, pieces: [block.slice()], size: block.length };
      return;
    }
    if (!this.#open) throw broken("a continuation of nothing");
    const { endStream, pieces } = this.#open;
    pieces.push(frame.payload.slice());
    // Frames without a byte in them count, too.
    this.#open.size += frame.payload.length + 1;
    if (this.#open.size > longestHeaders) {
      throw new ConnectionError(ErrorCode.EnhanceYourCalm, "headers without end");
    }
    if (!last) return;
    this.#open = undefined;
    return { stream, endStream, fields: this.#decoder.decode(joined(pieces)) };
  }

  /** Nothing may come within a block but its continuation. */
  check({ type, stream }: Frame): void {
    const open = this.#open;
    if (open && (type !== FrameType.Continuation || stream !== open.stream)) {
      throw broken("a block of headers is cut");
    }
  }
}

function blockOf(frame: Frame): Uint8Array {
  const bytes = unpadded(frame);
  const skipped = frame.flags & Flag.Priority ? 5 : 0;
  if (bytes.length < skipped) throw new ConnectionError(ErrorCode.FrameSizeError, "headers too short");
  return bytes.subarray(skipped);
}

const broken = (what: string) => new ConnectionError(ErrorCode.ProtocolError, what);
