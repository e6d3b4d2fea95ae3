/** Rows: what a container prints, through each side's ctr. */
import type { Bench } from "./bench.ts";
import { alternate, type Row, timed } from "./rows.ts";

const megabytes = 1000;

/** `ctr run --rm IMG id cat bigfile`, start and end included. */
export async function measureStdio(bench: Bench): Promise<Row[]> {
  const { sides, image } = bench;
  const file = bench.path("printed");
  await writeZeros(file);
  const cat =
    `"$@" run --rm --mount type=bind,src=${file},dst=/printed,options=rbind:ro ${image} printer cat /printed`;
  const rows: Row[] = [];
  for (const [where, into] of [["/dev/null", " >/dev/null"], ["a pipe", " | cat >/dev/null"]]) {
    const figures = await alternate(7, async (side) => {
      const milliseconds = await timed(() => sides.script(side, cat + into));
      return megabytes / (milliseconds / 1000);
    });
    const budget = { atLeast: 1, of: "theirs" } as const;
    rows.push({
      work: `\`ctr run IMG id cat\` of ${megabytes} MB into ${where}`,
      unit: "MB/s",
      ...figures,
      budget,
    });
  }
  await Deno.remove(file);
  return rows;
}

async function writeZeros(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true });
  const block = new Uint8Array(1_000_000);
  for (let n = 0; n < megabytes; n++) {
    for (let done = 0; done < block.length;) done += await file.write(block.subarray(done));
  }
}
