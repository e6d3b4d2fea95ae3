/** Row: an image of many small files, pulled and unpacked by each side's ctr. */
import type { Bench } from "./bench.ts";
import { pull, remove } from "./pull.ts";
import { alternate, type Row, timed } from "./rows.ts";

/** 30,000 files of 1 KiB in one layer. */
export async function measureSmallFiles(bench: Bench): Promise<Row[]> {
  const reference = await bench.manyFiles();
  const pulled = await alternate(7, async (side) => {
    const milliseconds = await timed(() => pull(bench.sides, side, reference));
    await remove(bench.sides, side, reference);
    return milliseconds / 1000;
  });
  const budget = { atMost: 0.3, of: "theirs" } as const;
  return [{ work: "pull and unpack of 30,000 files of 1 KiB in one layer", unit: "s", ...pulled, budget }];
}
