/** The snapshotters of a daemon: those that its file systems carry. */
import { Code, isError, messageOf } from "../errors.ts";
import { openBtrfs, openNative, openOverlay, type Snapshotter } from "../snapshots/mod.ts";

/** By the names that clients know. */
const openers = { overlayfs: openOverlay, native: openNative, btrfs: openBtrfs };

/** What could be opened, and what not. */
export interface Snapshotters extends AsyncDisposable {
  readonly opened: readonly Snapshotter[];
  /** Why the others aren't there, by name. */
  readonly skipped: ReadonlyMap<string, string>;
}

/** Opens each in `<root>/snapshots/<name>`. One whose file system is missing is skipped; other faults are thrown. */
export async function openSnapshotters(root: string): Promise<Snapshotters> {
  await using stack = new AsyncDisposableStack();
  const opened: Snapshotter[] = [];
  const skipped = new Map<string, string>();
  for (const [name, open] of Object.entries(openers)) {
    try {
      opened.push(stack.use(await open(`${root}/snapshots/${name}`)));
    } catch (error) {
      if (!isError(error, Code.FailedPrecondition)) throw error;
      skipped.set(name, messageOf(error).replace(/: failed precondition$/, ""));
    }
  }
  const owned = stack.move();
  return { opened, skipped, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
