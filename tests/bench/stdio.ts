/** Rows: what a container prints and reads, through each side's ctr. */
import type { Bench } from "./bench.ts";
import { alternate, type Row, timed } from "./rows.ts";

const megabytes = 1000;

/** A large file through `ctr run --rm IMG id`, start and end included. */
export async function measureStdio(bench: Bench): Promise<Row[]> {
  const { sides, image } = bench;
  const file = bench.path("printed");
  await writeZeros(file);
  const mount = `--mount type=bind,src=${file},dst=/printed,options=rbind:ro`;
  const cat = `"$@" run --rm ${mount} ${image} printer cat /printed`;
  const works = {
    [`\`ctr run IMG id cat\` of ${megabytes} MB into /dev/null`]: `${cat} >/dev/null`,
    [`\`ctr run IMG id cat\` of ${megabytes} MB into a pipe`]: `${cat} | cat >/dev/null`,
    [`${megabytes} MB into \`ctr run IMG id cat\``]:
      `"$@" run --rm ${image} reader sh -c "cat >/dev/null" <${file}`,
  };
  const rows: Row[] = [];
  for (const [work, script] of Object.entries(works)) {
    const figures = await alternate(7, async (side) => {
      const milliseconds = await timed(() => sides.script(side, script));
      return megabytes / (milliseconds / 1000);
    });
    rows.push({ work, unit: "MB/s", ...figures, budget: { atLeast: 1, of: "theirs" } });
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
