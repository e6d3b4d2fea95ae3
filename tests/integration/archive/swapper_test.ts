import assert from "node:assert/strict";
import { CtrError } from "../../../lib/errors.ts";
import type { TarItem } from "../../harness/tar.ts";
import { Cage, unpackItems } from "./support.ts";

Deno.test("CVE-2025-47290: nothing lands outside while somebody swaps directories for symlinks", async () => {
  await using cage = await Cage.make();
  const dir = `${cage.root}/d`;
  await Deno.mkdir(dir);
  const worker = new Worker(new URL("./swapper_worker.ts", import.meta.url), { type: "module" });
  try {
    const swaps = new Promise<number>((resolve) => worker.onmessage = ({ data }) => resolve(data));
    worker.postMessage({ dir, outside: cage.outside });
    let over = false;
    const done = swaps.then((count) => (over = true, count));
    for (let round = 0; !over; round++) {
      attempt(layer(round), cage.root);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    assert.ok(await done > 100, "there were too few swaps for a test");
  } finally {
    worker.terminate();
  }
  const { before, after } = cage.changedOutside();
  assert.deepEqual(after, before);
});

/** Everything that could go through a symlink: files, modes, owners, times, links, whiteouts. */
function layer(round: number): TarItem[] {
  const items: TarItem[] = [];
  for (let i = 0; i < 50; i++) {
    items.push(
      { name: "d", type: "5", mode: 0o700 + i % 8, uid: i, mtime: 1000 + i },
      { name: "d/secret", body: `round ${round}`, mode: 0o777, uid: 7 },
      { name: "d/dir", type: "5", mode: 0o777 },
      { name: `d/dir/new${i}`, body: "x" },
      { name: "d/.wh.secret" },
      { name: "d/dir/.wh.kept" },
    );
  }
  return items;
}

/** The race may well make unpacking fail; only what it touches counts. */
function attempt(items: TarItem[], root: string) {
  try {
    unpackItems(items, root);
  } catch (error) {
    assert.ok(error instanceof CtrError, String(error));
  }
}
