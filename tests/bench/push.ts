/** Row: the image of five layers into an empty registry, by each side's ctr. */
import { startRegistry } from "../harness/mod.ts";
import type { Bench } from "./bench.ts";
import { alternate, type Row, type Side, timed } from "./rows.ts";

/** Push of five layers. */
export async function measurePush(bench: Bench): Promise<Row[]> {
  const reference = await bench.layered();
  const ctr = (side: Side, ...args: string[]) => bench.sides.ctr(side, "images", ...args);
  for (const side of ["ours", "theirs"] as const) await ctr(side, "pull", "--plain-http", reference);
  const pushed = await alternate(7, async (side) => {
    // A registry that has none of it in any repository: else blobs would be mounted, not sent.
    await using registry = await startRegistry({ where: "shm" });
    const to = `${registry.host}/pushed:latest`;
    return await timed(() => ctr(side, "push", "--plain-http", to, reference)) / 1000;
  });
  for (const side of ["ours", "theirs"] as const) await ctr(side, "rm", "--sync", reference);
  const budget = { atMost: 1, of: "theirs" } as const;
  return [{ work: "push of the same five layers, 255 MB", unit: "s", ...pushed, budget }];
}
