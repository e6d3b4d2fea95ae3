/** Deleting trees that nobody will look at again. */

const removed = "rm-";

/**
 * A directory's deletions: what is to go is renamed to `rm-<id>-<random>`, so that it is gone at once, and deleted
 * in the background, one tree at a time: nobody waits for thousands of files to go. What a crash leaves under
 * such a name is deleted at the next start.
 */
export class Removals {
  readonly #root: string;
  #last: Promise<void> = Promise.resolve();

  private constructor(root: string) {
    this.#root = root;
  }

  /** Begins with what earlier ones left in the directory `root`. */
  static async in(root: string): Promise<Removals> {
    const removals = new Removals(root);
    for await (const { name } of Deno.readDir(root)) {
      if (name.startsWith(removed)) removals.#start(`${root}/${name}`);
    }
    return removals;
  }

  /** Takes `<root>/<id>` away; nothing there is fine. */
  async remove(id: string): Promise<void> {
    // A name of its own: what an earlier removal could not delete may still be there.
    const gone = `${this.#root}/${removed}${id}-${crypto.randomUUID()}`;
    try {
      await Deno.rename(`${this.#root}/${id}`, gone);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    this.#start(gone);
  }

  #start(path: string): void {
    // What can't be deleted now keeps its name and is tried again at the next start.
    this.#last = this.#last.then(() => Deno.remove(path, { recursive: true })).catch(() => {});
  }

  /** Waits until all that was removed before this call is deleted. */
  finished(): Promise<void> {
    return this.#last;
  }

  /** The names in the directory that aren't on their way out. */
  async others(): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of Deno.readDir(this.#root)) if (!name.startsWith(removed)) names.push(name);
    return names;
  }
}
