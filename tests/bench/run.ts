/** Row: a container from start to end, by each side's own ctr. */
import type { Bench } from "./bench.ts";
import { alternate, type Row, timed } from "./rows.ts";

const inARow = 4;
/** Many: a machine that does something else for a moment is seen in what takes so little. */
const ROUNDS = 25;

/** `ctr run --rm IMG id true` */
export async function measureRun({ sides, image }: Bench): Promise<Row[]> {
  const loop = `n=0; while [ $n -lt ${inARow} ]; do "$@" run --rm ${image} bench$n true; n=$((n+1)); done`;
  const figures = await alternate(
    ROUNDS,
    async (side) => await timed(() => sides.script(side, loop)) / inARow,
  );
  const budget = { atMost: 0.8, of: "theirs" } as const;
  return [{ work: "`ctr run --rm IMG id true`", unit: "ms", ...figures, budget }];
}
