/** Long walks over files on the daemon's own thread: others have their turn every few milliseconds. */

/** Milliseconds that a walk may keep the thread. */
const turn = 4;

/** Tells a walk when to wait: `if (turns.over()) await turns.next()`. */
export class Turns {
  #started = performance.now();

  over(): boolean {
    return performance.now() - this.#started > turn;
  }

  async next(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#started = performance.now();
  }
}
