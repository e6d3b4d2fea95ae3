/** Which documents name what, for clients that show an image's transfer as a tree. */
import { type Descriptor, refOf } from "./types.ts";

/** The refs of the documents that name each piece of an image; the image itself where none does. */
export class Family {
  readonly #root: string;
  readonly #parents = new Map<string, Set<string>>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Tells what a document names. */
  adopt(parent: Pick<Descriptor, "mediaType" | "digest">, children: Iterable<{ digest: string }>): void {
    for (const { digest } of children) {
      const parents = this.#parents.get(digest) ?? new Set();
      this.#parents.set(digest, parents.add(refOf(parent)));
    }
  }

  /** Names of what is told of before a piece. */
  parentsOf({ digest }: { digest: string }): string[] {
    return [...this.#parents.get(digest) ?? [this.#root]];
  }
}
