/**
 * A stream of bytes from one Worker to another through shared memory, for two sides that are synchronous code: each
 * waits for the other by blocking its thread. As much as the ring's slots hold is on the way at most.
 *
 * The writer fills one slot after another and ends the stream, or cuts it off if it came upon something bad; the
 * reader says then how it fared, which the writer waits for. A reader that fails says so at once: it is the next
 * that the writer hears. Anybody who holds the memory may cancel both sides, and may speak for a side whose Worker
 * died. No wait is unbounded: whoever is woken by nobody looks again by itself.
 */
import { Code, CtrError } from "../errors.ts";

/** How large a ring is. */
export interface RingSize {
  readonly slots: number;
  /** Bytes of each. */
  readonly slotSize: number;
}

/** Milliseconds after which a waiting side looks again though nobody rang. */
const PATIENCE = 100;
const LONGEST_REASON = 16 << 10;

/** Places in the head, which consists of 32-bit words. Pieces are counted modulo 2^32. */
const Word = {
  SLOTS: 0,
  SLOT_SIZE: 1,
  PUBLISHED: 2,
  TAKEN: 3,
  WRITER: 4,
  READER: 5,
  CANCELED: 6,
  /** Counts what the other side has done: a side sleeps only if this hasn't changed since it looked. */
  WRITER_BELL: 7,
  READER_BELL: 8,
  REASON_LENGTH: 9,
  LENGTHS: 16,
} as const;

const Writer = { OPEN: 0, ENDED: 1, CUT: 2 } as const;
const Reader = { BUSY: 0, DONE: 1, FAILED: 2 } as const;

/** Makes the memory of a ring. */
export function makeRing({ slots, slotSize }: RingSize): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(headSize(slots) + LONGEST_REASON + slots * slotSize);
  const words = new Int32Array(memory, 0, Word.LENGTHS);
  words[Word.SLOTS] = slots;
  words[Word.SLOT_SIZE] = slotSize;
  return memory;
}

/** Bytes, in whole cache lines. */
const headSize = (slots: number) => Math.ceil((Word.LENGTHS + slots) / 16) * 64;

/** Makes both sides fail with Canceled, whatever they wait for. */
export function cancelRing(memory: SharedArrayBuffer): void {
  const words = new Int32Array(memory, 0, Word.LENGTHS);
  Atomics.store(words, Word.CANCELED, 1);
  ring(words, Word.WRITER_BELL);
  ring(words, Word.READER_BELL);
}

/** Wakes the side that the bell is for. */
function ring(words: Int32Array, bell: number): void {
  Atomics.add(words, bell, 1);
  Atomics.notify(words, bell);
}

/** What both sides see. */
class Side {
  protected readonly words: Int32Array;
  protected readonly slots: readonly Uint8Array<ArrayBuffer>[];
  readonly #memory: SharedArrayBuffer;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
    const [slots = 0, slotSize = 0] = new Int32Array(memory, 0, 2);
    this.words = new Int32Array(memory, 0, Word.LENGTHS + slots);
    const start = headSize(slots) + LONGEST_REASON;
    // Typed as memory of one thread: what works on it (zlib, hashes, system calls) doesn't care.
    this.slots = Array.from(
      { length: slots },
      (_, n) => new Uint8Array(memory as unknown as ArrayBuffer, start + n * slotSize, slotSize),
    );
  }

  /** Blocks until `isOver`; throws Canceled after {@linkcode cancelRing}. */
  protected wait(bell: number, isOver: () => boolean): void {
    for (;;) {
      const seen = Atomics.load(this.words, bell);
      if (Atomics.load(this.words, Word.CANCELED)) {
        throw new CtrError(Code.Canceled, "the other side has gone");
      }
      if (isOver()) return;
      Atomics.wait(this.words, bell, seen, PATIENCE);
    }
  }

  /** Pieces that the reader hasn't given back. */
  protected get onTheWay(): number {
    return (Atomics.load(this.words, Word.PUBLISHED) - Atomics.load(this.words, Word.TAKEN)) >>> 0;
  }

  protected get reason(): Uint8Array {
    return new Uint8Array(this.#memory, headSize(this.slots.length), LONGEST_REASON);
  }
}

/** Where bytes go in. */
export class RingWriter extends Side {
  readonly #errorOf: (reason: string) => unknown;
  /** Which slot is filled next. */
  #slot = 0;

  /** `errorOf` makes the error that is thrown here of the reason that a reader gave for its failure. */
  constructor(
    memory: SharedArrayBuffer,
    errorOf: (reason: string) => unknown = (reason) => new Error(reason),
  ) {
    super(memory);
    this.#errorOf = errorOf;
  }

  /** The next free slot, the same until it is published. Blocks while there is none. */
  room(): Uint8Array<ArrayBuffer> {
    this.wait(Word.WRITER_BELL, () => this.#hasFailed || this.onTheWay < this.slots.length);
    this.#throwFailure();
    return this.slots[this.#slot]!;
  }

  /** Passes on the first `length` bytes of `chunk`: without a copy if it is {@linkcode room}. */
  write(chunk: Uint8Array<ArrayBuffer>, length: number = chunk.length): void {
    if (chunk === this.slots[this.#slot]) return this.#publish(length);
    for (let at = 0; at < length;) {
      const room = this.room();
      const n = Math.min(room.length, length - at);
      room.set(chunk.subarray(at, at + n));
      this.#publish(n);
      at += n;
    }
  }

  #publish(length: number) {
    this.#throwFailure();
    if (length === 0) return;
    this.words[Word.LENGTHS + this.#slot] = length;
    this.#slot = (this.#slot + 1) % this.slots.length;
    Atomics.add(this.words, Word.PUBLISHED, 1);
    ring(this.words, Word.READER_BELL);
  }

  /** Says that this was all, and blocks until the reader is through with it. */
  finish(): void {
    this.#close(Writer.ENDED);
  }

  /** Says that no more is to come of a stream that isn't whole, and blocks until the reader is through with it. */
  cut(): void {
    this.#close(Writer.CUT);
  }

  #close(state: number) {
    Atomics.store(this.words, Word.WRITER, state);
    ring(this.words, Word.READER_BELL);
    this.wait(Word.WRITER_BELL, () => Atomics.load(this.words, Word.READER) !== Reader.BUSY);
    this.#throwFailure();
  }

  get #hasFailed(): boolean {
    return Atomics.load(this.words, Word.READER) === Reader.FAILED;
  }

  #throwFailure() {
    if (!this.#hasFailed) return;
    const bytes = this.reason.slice(0, Atomics.load(this.words, Word.REASON_LENGTH));
    throw this.#errorOf(new TextDecoder().decode(bytes));
  }
}

/** Where bytes come out. */
export class RingReader extends Side {
  /** Which slot is emptied next. */
  #slot = 0;
  #holds = false;

  /** The next piece, to be used until the next call; undefined after the last. Blocks while there is none. */
  read(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#holds) this.#giveBack();
    this.wait(Word.READER_BELL, () => this.onTheWay > 0 || this.#isClosed);
    // Pieces that were on the way when the writer closed come first.
    if (this.onTheWay === 0) return undefined;
    this.#holds = true;
    return this.slots[this.#slot]!.subarray(0, this.words[Word.LENGTHS + this.#slot]);
  }

  #giveBack() {
    this.#holds = false;
    this.#slot = (this.#slot + 1) % this.slots.length;
    Atomics.add(this.words, Word.TAKEN, 1);
    ring(this.words, Word.WRITER_BELL);
  }

  get #isClosed(): boolean {
    return Atomics.load(this.words, Word.WRITER) !== Writer.OPEN;
  }

  /** Whether the writer had all to its end; known after the last piece. */
  get isWhole(): boolean {
    return Atomics.load(this.words, Word.WRITER) === Writer.ENDED;
  }

  /** Says that all that came has been dealt with. */
  done(): void {
    this.#settle(Reader.DONE);
  }

  /** Says that it can't go on, and why: UTF-8, up to 16 KiB. What was said first stands. */
  fail(reason: string): void {
    if (Atomics.load(this.words, Word.READER) !== Reader.BUSY) return;
    const { written } = new TextEncoder().encodeInto(reason, this.reason);
    Atomics.store(this.words, Word.REASON_LENGTH, written);
    this.#settle(Reader.FAILED);
  }

  #settle(state: number) {
    Atomics.compareExchange(this.words, Word.READER, Reader.BUSY, state);
    ring(this.words, Word.WRITER_BELL);
  }
}
