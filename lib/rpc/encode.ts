/**
 * Messages as bytes, without the copies that the protobuf library makes of what is long: it doubles its buffer until
 * all fits, and copies that once more at the end, which is seven bytes of fresh memory for each of an archive that
 * goes through two such envelopes. Whoever streams hundreds of megabytes has V8 collect that instead of answering.
 */
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { Codec } from "./service.ts";

/** Fields from this length on, in bytes, are worth a piece of their own. */
const LONG = 4 << 10;

/** A message's bytes in one piece, which is nobody else's. */
export function encode<T>(codec: Codec<T>, message: T): Uint8Array {
  const pieces = encodeInPieces(codec, message);
  return pieces.length === 1 ? pieces[0]! : joined(pieces);
}

/** A message's bytes. Its long fields are in there as they are, so they must stay until the bytes have been used. */
export function encodeInPieces<T>(codec: Codec<T>, message: T): Uint8Array[] {
  const writer = new PieceWriter();
  const written = codec.encode(message, writer);
  return written === writer ? writer.pieces() : [written.finish()];
}

/** Some bytes in one piece. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(lengthOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** How many bytes some pieces have together. */
export function lengthOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((length, piece) => length + piece.length, 0);
}

/** Keeps long fields of a message apart; those of a message within it are copied, for its length is to come first. */
class PieceWriter extends BinaryWriter {
  readonly #pieces: Uint8Array[] = [];
  #depth = 0;

  override bytes(value: Uint8Array): this {
    if (this.#depth > 0 || value.length < LONG) return super.bytes(value);
    this.uint32(value.length);
    this.#pieces.push(this.finish(), value);
    return this;
  }

  override fork(): this {
    this.#depth++;
    return super.fork();
  }

  override join(): this {
    this.#depth--;
    return super.join();
  }

  pieces(): Uint8Array[] {
    const rest = this.finish();
    return rest.length > 0 || this.#pieces.length === 0 ? [...this.#pieces, rest] : this.#pieces;
  }
}
