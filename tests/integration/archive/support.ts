/** What the tests of unpacking share. */
import { type AppliedLayer, type Form, LayerApplier } from "../../../lib/archive/mod.ts";
import { Scratch } from "../../harness/mod.ts";
import { makeTar, type TarItem } from "../../harness/tar.ts";
import { readTree, type Tree } from "../../harness/tree.ts";

/** Unpacks bytes, in pieces of `step`, into a directory. */
export function unpackBytes(
  bytes: Uint8Array<ArrayBuffer>,
  dir: string,
  { form = "plain", step = bytes.length || 1 }: { form?: Form; step?: number } = {},
): AppliedLayer {
  using applier = new LayerApplier({ dir, form });
  for (let at = 0; at < bytes.length; at += step) applier.push(bytes.subarray(at, at + step));
  return applier.finish();
}

export const unpackItems = (items: TarItem[], dir: string, options?: { form?: Form; step?: number }) =>
  unpackBytes(makeTar(items), dir, options);

/** A root to unpack into, and files beside it that nothing may touch. */
export class Cage implements AsyncDisposable {
  readonly root: string;
  readonly outside: string;
  readonly #scratch: Scratch;
  readonly #before: Tree;

  private constructor(scratch: Scratch) {
    this.#scratch = scratch;
    this.root = scratch.join("root");
    this.outside = scratch.join("outside");
    Deno.mkdirSync(this.root);
    Deno.mkdirSync(`${this.outside}/dir`, { recursive: true });
    Deno.writeTextFileSync(`${this.outside}/secret`, "secret", { mode: 0o600 });
    Deno.writeTextFileSync(`${this.outside}/dir/kept`, "kept");
    this.#before = readTree(this.outside);
  }

  static async make(): Promise<Cage> {
    return new Cage(await Scratch.make("shm"));
  }

  /** What has changed outside of the root: nothing, it is hoped. */
  changedOutside(): { before: Tree; after: Tree } {
    return { before: this.#before, after: readTree(this.outside) };
  }

  /** Names directly beside the root. */
  beside(): string[] {
    return [...Deno.readDirSync(this.#scratch.path)].map((entry) => entry.name).sort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scratch[Symbol.asyncDispose]();
  }
}
