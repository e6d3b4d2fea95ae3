/** What goes out over a connection. */

/** From so many bytes on, whoever has a choice waits; also the most that a buffer keeps when it is empty. */
const ENOUGH = 64 << 10;
const FIRST_ROOM = 4 << 10;

/**
 * Takes frames at any time and writes them in their order: all that was given while the last write was under way,
 * or within one turn of the event loop, goes with one write.
 */
export class Output {
  readonly #write: (bytes: Uint8Array) => Promise<number>;
  #filling = new Uint8Array(FIRST_ROOM);
  #filled = 0;
  #spare: Uint8Array<ArrayBuffer> | undefined;
  #flushing = false;
  #waiting: (() => void)[] = [];

  constructor(write: (bytes: Uint8Array) => Promise<number>) {
    this.#write = write;
  }

  /** Copies `pieces`, so they may change afterwards. After the connection's end it is in vain, which its reader tells. */
  push(...pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      this.#makeRoom(piece.length);
      this.#filling.set(piece, this.#filled);
      this.#filled += piece.length;
    }
    if (this.#flushing) return;
    this.#flushing = true;
    void this.#flush();
  }

  /** Whether so much waits that more should. */
  get full(): boolean {
    return this.#filled >= ENOUGH;
  }

  /** Resolves at the next write's end: ask {@linkcode full} again. */
  written(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when nothing waits any more. */
  async drained(): Promise<void> {
    while (this.#flushing) await this.written();
  }

  async #flush(): Promise<void> {
    await undefined;
    try {
      while (this.#filled > 0) {
        const bytes = this.#filling;
        const length = this.#filled;
        this.#filling = this.#spare ?? new Uint8Array(FIRST_ROOM);
        this.#spare = undefined;
        this.#filled = 0;
        for (let at = 0; at < length;) at += await this.#write(bytes.subarray(at, length));
        if (bytes.length <= ENOUGH) this.#spare = bytes;
        this.#wake();
      }
    } catch {
      // The connection is gone; so is what would have gone over it.
      this.#filled = 0;
    }
    this.#flushing = false;
    this.#wake();
  }

  #makeRoom(length: number): void {
    const needed = this.#filled + length;
    if (needed <= this.#filling.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#filling.length * 2));
    larger.set(this.#filling.subarray(0, this.#filled));
    this.#filling = larger;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
