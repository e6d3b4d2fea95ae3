/**
 * Follows the frames of a zstd stream without decoding them (RFC 8878, section 3.1): zlib's bindings decode a
 * stream that breaks off without a word, so somebody else has to know whether the last frame is whole.
 */

/** Walks over frames, skippable ones too. Damage is the decoder's to find; this only counts. */
export class ZstdFrames {
  /** Bytes to pass over before the next field. */
  #skip = 0;
  #field = new Uint8Array(18);
  #filled = 0;
  #needed = 4;
  #step: "magic" | "skippable" | "descriptor" | "block" = "magic";
  #checksum = false;
  #lastBlock = false;

  /** Whether what has come so far ends where a frame ends. */
  get complete(): boolean {
    return this.#skip === 0 && this.#step === "magic" && this.#filled === 0;
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#skip > 0) {
        const n = Math.min(this.#skip, chunk.length - at);
        this.#skip -= n;
        at += n;
        continue;
      }
      this.#field[this.#filled++] = chunk[at++]!;
      if (this.#filled === this.#needed) this.#take();
    }
  }

  #take() {
    const view = new DataView(this.#field.buffer);
    this.#filled = 0;
    if (this.#step === "magic") {
      if ((view.getUint32(0, true) & 0xfffffff0) >>> 0 === 0x184d2a50) this.#expect("skippable", 4);
      else this.#expect("descriptor", 1);
    } else if (this.#step === "skippable") {
      this.#skip = view.getUint32(0, true);
      this.#expect("magic", 4);
    } else if (this.#step === "descriptor") {
      const descriptor = this.#field[0]!;
      this.#checksum = (descriptor & 4) !== 0;
      this.#skip = headerLength(descriptor);
      this.#expect("block", 3);
    } else this.#block(view.getUint16(0, true) | (this.#field[2]! << 16));
  }

  #block(header: number) {
    const runLength = ((header >> 1) & 3) === 1;
    this.#lastBlock = (header & 1) === 1;
    this.#skip = runLength ? 1 : header >>> 3;
    if (!this.#lastBlock) return this.#expect("block", 3);
    if (this.#checksum) this.#skip += 4;
    this.#expect("magic", 4);
  }

  #expect(step: "magic" | "skippable" | "descriptor" | "block", bytes: number) {
    this.#step = step;
    this.#needed = bytes;
  }
}

/** Length of what follows a frame's descriptor: window, dictionary and content size. */
function headerLength(descriptor: number): number {
  const single = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3]!;
  const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  return (single ? 0 : 1) + dictionary + contentSize;
}
