/** Row: the most memory that a daemon ever takes while images come and go, in daemons just started. */
import type { Bench } from "./bench.ts";
import { pull, remove } from "./pull.ts";
import type { Row, Side } from "./rows.ts";
import { Sides } from "./sides.ts";

/** Pull with unpacking, export, import and push of the image of five layers. Measured once. */
export async function measurePeak(bench: Bench): Promise<Row[]> {
  const reference = await bench.layered();
  await using sides = await Sides.start();
  await bench.pullInto(sides);
  const peak: Record<Side, number> = { ours: 0, theirs: 0 };
  for (const side of ["theirs", "ours"] as const) {
    const archive = bench.path(`peak-${side}.tar`);
    await pull(sides, side, reference);
    await sides.ctr(side, "images", "export", archive, reference);
    await sides.ctr(
      side,
      "images",
      "push",
      "--plain-http",
      reference.replace("layers:", `peak-${side}:`),
      reference,
    );
    await remove(sides, side, reference);
    await sides.ctr(side, "images", "import", archive);
    peak[side] = await highest(sides[side].pid);
    await Deno.remove(archive);
  }
  const work = "most memory of the daemon (RSS) over pull, export, push and import of five layers";
  return [{ work, unit: "MB", ...peak, budget: { atMost: 250, of: "itself" } }];
}

async function highest(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)![1]) * 1024 / 1e6;
}
