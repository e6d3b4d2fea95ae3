/** Rows: the image of five layers from an archive and into one, by each side's ctr. */
import type { Bench } from "./bench.ts";
import { remove } from "./pull.ts";
import { alternate, type Row, timed } from "./rows.ts";

/** Import and unpack of five layers, from what containerd's ctr exports. */
export async function measureImport(bench: Bench): Promise<Row[]> {
  const reference = await bench.layered();
  const archive = bench.path("import.tar");
  await bench.sides.ctr("theirs", "images", "pull", "--plain-http", reference);
  await bench.sides.ctr("theirs", "images", "export", archive, reference);
  await remove(bench.sides, "theirs", reference);
  const imported = await alternate(7, async (side) => {
    const milliseconds = await timed(() => bench.sides.ctr(side, "images", "import", archive));
    await remove(bench.sides, side, reference);
    return milliseconds / 1000;
  });
  await Deno.remove(archive);
  const budget = { atMost: 0.4, of: "theirs" } as const;
  return [{ work: "import and unpack of the same five layers", unit: "s", ...imported, budget }];
}

/** Export of five layers into a file. */
export async function measureExport(bench: Bench): Promise<Row[]> {
  const reference = await bench.layered();
  for (const side of ["ours", "theirs"] as const) {
    await bench.sides.ctr(side, "images", "pull", "--plain-http", reference);
  }
  const archive = bench.path("export.tar");
  const exported = await alternate(7, async (side) => {
    const milliseconds = await timed(() => bench.sides.ctr(side, "images", "export", archive, reference));
    await Deno.remove(archive);
    return milliseconds / 1000;
  });
  for (const side of ["ours", "theirs"] as const) await remove(bench.sides, side, reference);
  const budget = { atMost: 0.8, of: "theirs" } as const;
  return [{ work: "export of the same five layers, 255 MB", unit: "s", ...exported, budget }];
}
