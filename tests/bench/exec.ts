/** Row: a further process in a running container, by each side's own ctr. */
import type { Bench } from "./bench.ts";
import { alternate, type Row, timed } from "./rows.ts";

const inARow = 4;

/** `ctr tasks exec --exec-id x ID true` */
export async function measureExec({ sides, image }: Bench): Promise<Row[]> {
  for (const side of ["ours", "theirs"] as const) {
    await sides.ctr(side, "run", "-d", image, "host", "sleep", "1000");
  }
  const loop =
    `n=0; while [ $n -lt ${inARow} ]; do "$@" tasks exec --exec-id e$n host true; n=$((n+1)); done`;
  const figures = await alternate(11, async (side) => await timed(() => sides.script(side, loop)) / inARow);
  for (const side of ["ours", "theirs"] as const) {
    await sides.ctr(side, "tasks", "rm", "-f", "host");
    await sides.ctr(side, "containers", "rm", "host");
  }
  const budget = { atMost: 0.9, of: "theirs" } as const;
  return [{ work: "`ctr tasks exec` of `true`", unit: "ms", ...figures, budget }];
}
