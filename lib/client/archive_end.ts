/**
 * The end of an archive that a daemon sends over a stream. Ours ends the stream; containerd's own leaves it open, whether the
 * transfer succeeds or fails. There the transfer's success is the end, when nothing more comes, of an archive that is
 * whole: a tar ends with zeros.
 */
import { unavailable } from "../errors.ts";

/** Zeros that a tar ends with. */
const END = 1024;
/** Milliseconds between looks whether something has come, and looks in vain that tell of an end or of a fault. */
const LOOK = 50;
const QUIET = 4;
const BROKEN = 200;

export class ArchiveEnd {
  readonly #abort = new AbortController();
  /** How many zeros the last bytes were. */
  #zeros = 0;
  /** Looks for which the next bytes have been waited for. */
  #looks = 0;
  #over = false;

  /** Ends the stream. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The archive's bytes, until its end. Throws Unavailable for one that breaks off, and what {@linkcode tell} says. */
  async *of(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of bytes) {
        this.#looks = -Infinity;
        this.#note(piece);
        yield piece;
        this.#looks = 0;
      }
    } catch (error) {
      if (!this.#over) throw error;
    }
  }

  /** A daemon that leaves streams open has sent all, of which some may be on its way. */
  expect(): void {
    if (this.#abort.signal.aborted) return;
    const timer = setInterval(() => {
      this.#looks++;
      if (this.#looks >= QUIET && this.#zeros >= END) this.#over = true;
      if (this.#over) this.tell(new Error("the archive is whole"));
      else if (this.#looks >= BROKEN) this.tell(unavailable("the daemon's archive broke off"));
    }, LOOK);
    this.#abort.signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  }

  /** No more will come, for this reason. */
  tell(reason: unknown): void {
    this.#abort.abort(reason);
  }

  #note(piece: Uint8Array): void {
    let zeros = 0;
    while (zeros < piece.length && piece[piece.length - 1 - zeros] === 0) zeros++;
    this.#zeros = zeros === piece.length ? this.#zeros + zeros : zeros;
  }
}
