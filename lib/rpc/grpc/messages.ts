/** Messages in the body of a call: a flag (compressed or not), four bytes of length, the message. Source: gRPC over HTTP/2. */
import { Code, CtrError, unimplemented } from "../../errors.ts";
import { lengthOf } from "../encode.ts";

/** The longest message either way, as containerd has it. */
export const maxMessage = 16 << 20;

const prefixLength = 5;
/** A message is given this much room at first, however long it claims to be. */
const firstRoom = 64 << 10;

/** A message as it came. */
export interface Packed {
  readonly compressed: boolean;
  readonly bytes: Uint8Array;
}

/** Finds the messages in a body, which comes in chunks of any length. */
export class MessageReader {
  readonly #prefix = new Uint8Array(prefixLength);
  /** How much there is of the prefix, and of the message after it. */
  #begun = 0;
  #bytes = new Uint8Array(0);
  #filled = 0;
  #length = 0;

  /** Whether the body has ended between two messages. */
  get whole(): boolean {
    return this.#begun === 0;
  }

  /** The messages that end in this chunk; the chunk may be used again afterwards. */
  push(chunk: Uint8Array): Packed[] {
    const found: Packed[] = [];
    for (let rest = chunk; rest.length > 0;) {
      rest = this.#begun < prefixLength ? this.#begin(rest) : this.#fill(rest);
      if (this.#begun < prefixLength || this.#filled < this.#length) continue;
      found.push({ compressed: this.#prefix[0] === 1, bytes: this.#bytes.subarray(0, this.#length) });
      this.#begun = this.#filled = 0;
    }
    return found;
  }

  #begin(chunk: Uint8Array): Uint8Array {
    const count = Math.min(prefixLength - this.#begun, chunk.length);
    this.#prefix.set(chunk.subarray(0, count), this.#begun);
    this.#begun += count;
    if (this.#begun === prefixLength) {
      if (this.#prefix[0]! > 1) throw new CtrError(Code.Internal, "a message with an unknown flag");
      this.#length = new DataView(this.#prefix.buffer).getUint32(1);
      if (this.#length > maxMessage) throw tooLong(this.#length);
      this.#bytes = new Uint8Array(Math.min(this.#length, firstRoom));
    }
    return chunk.subarray(count);
  }

  #fill(chunk: Uint8Array): Uint8Array {
    const count = Math.min(this.#length - this.#filled, chunk.length);
    const needed = this.#filled + count;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(this.#length, Math.max(needed, this.#bytes.length * 4)));
      larger.set(this.#bytes.subarray(0, this.#filled));
      this.#bytes = larger;
    }
    this.#bytes.set(chunk.subarray(0, count), this.#filled);
    this.#filled = needed;
    return chunk.subarray(count);
  }
}

/** A message for a body, in pieces. Throws ResourceExhausted for one that is too long. */
export function packed(pieces: readonly Uint8Array[]): Uint8Array[] {
  const length = lengthOf(pieces);
  if (length > maxMessage) throw tooLong(length);
  const prefix = new Uint8Array(prefixLength);
  new DataView(prefix.buffer).setUint32(1, length);
  return [prefix, ...pieces];
}

/** The message itself. `encoding`: what the call's head says of how its messages are compressed. */
export async function unpacked({ compressed, bytes }: Packed, encoding: string): Promise<Uint8Array> {
  if (!compressed) return bytes;
  const { gunzipSync, inflateSync } = await import("node:zlib");
  const limit = { maxOutputLength: maxMessage };
  try {
    if (encoding === "gzip") return gunzipSync(bytes, limit);
    if (encoding === "deflate") return inflateSync(bytes, limit);
  } catch (error) {
    const code = (error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE"
      ? Code.ResourceExhausted
      : Code.Internal;
    throw new CtrError(code, `a message that is no ${encoding}, or too long`, { cause: error });
  }
  if (encoding !== "identity") throw unimplemented(`messages in ${encoding}`);
  throw new CtrError(Code.Internal, "a message is compressed, and the call says of no encoding");
}

function tooLong(length: number): CtrError {
  return new CtrError(Code.ResourceExhausted, `message of ${length} bytes is longer than ${maxMessage}`);
}
