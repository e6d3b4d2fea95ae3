/** Rows: 400 MB into the content store and out of it, through each side's ctr. */
import { createHash } from "node:crypto";
import type { Bench } from "./bench.ts";
import { alternate, median, type Row, timed } from "./rows.ts";

const size = 400_000_000;

/** `ctr content ingest` and `ctr content get`. */
export async function measureContent(bench: Bench): Promise<Row[]> {
  const { sides } = bench;
  const FILE = bench.path("content");
  const digest = await writeNoise(FILE);
  const got: Record<string, number[]> = { ours: [], theirs: [] };
  const ingested = await alternate(7, async (side, round) => {
    const milliseconds = await timed(() =>
      sides.script(side, `"$@" content ingest bench <"$FILE"`, { FILE })
    );
    got[side]![round] = await timed(() =>
      sides.script(side, `"$@" content get ${digest} >"$FILE.out"`, { FILE })
    );
    await sides.script(side, `cmp "$FILE" "$FILE.out"; "$@" content rm ${digest}`, { FILE });
    return milliseconds / 1000;
  });
  const [ours, theirs] = [middle(got.ours!), middle(got.theirs!)];
  return [
    { work: "`ctr content ingest` of 400 MB", unit: "s", ...ingested, budget: { atMost: 0.8, of: "theirs" } },
    { work: "`ctr content get` of 400 MB", unit: "s", ours, theirs, budget: { atMost: 0.3, of: "theirs" } },
  ];
}

/** Seconds, the unmeasured first round left out. */
function middle(figures: number[]): number {
  return median(figures.slice(1)) / 1000;
}

async function writeNoise(path: string): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const block = new Uint8Array(1_000_000);
  for (let at = 0; at < size; at += block.length) {
    for (let n = 0; n < block.length; n += 50_000) crypto.getRandomValues(block.subarray(n, n + 50_000));
    hash.update(block);
    for (let done = 0; done < block.length;) done += await file.write(block.subarray(done));
  }
  return `sha256:${hash.digest("hex")}`;
}
