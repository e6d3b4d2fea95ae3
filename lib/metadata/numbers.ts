/** Numbers that are given once and never again, across restarts. */
import type { Database } from "./database.ts";
import { sequences } from "./schema.ts";

/** How many are taken from the sequence at once: most then cost no commit of their own. */
const atOnce = 64;

/** The sequence `name`, whose numbers start at 1. */
export class Numbers {
  readonly #db: Database;
  readonly #name: string;
  #last = 0;
  #reserved = 0;
  #reserving: Promise<void> | undefined;

  constructor(db: Database, name: string) {
    this.#db = db;
    this.#name = name;
  }

  async next(): Promise<number> {
    while (this.#last === this.#reserved) await (this.#reserving ??= this.#reserve());
    return ++this.#last;
  }

  async #reserve(): Promise<void> {
    try {
      this.#last = await this.#db.write((tx) => {
        const last = tx.get(sequences, [this.#name]) ?? 0;
        tx.put(sequences, [this.#name], last + atOnce);
        return last;
      });
      this.#reserved = this.#last + atOnce;
    } finally {
      this.#reserving = undefined;
    }
  }
}
