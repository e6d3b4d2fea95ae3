/** Rows: commands that only ask, each side's own ctr with its own daemon. */
import type { Bench } from "./bench.ts";
import { alternate, type Row, timed } from "./rows.ts";

const inARow = 10;

/** `ctr version` and `ctr c ls`. */
export async function measureCommands({ sides }: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const command of ["version", "c ls"]) {
    const loop = `n=0; while [ $n -lt ${inARow} ]; do "$@" ${command} >/dev/null; n=$((n+1)); done`;
    const figures = await alternate(
      9,
      async (side) => await timed(() => sides.script(side, loop)) / inARow,
    );
    rows.push({ work: `\`ctr ${command}\``, unit: "ms", ...figures, budget: { atMost: 1.8, of: "theirs" } });
  }
  return rows;
}
