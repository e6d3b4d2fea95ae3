/** Rows: memory of a daemon and its shims (PSS: what processes share counts once), in daemons just started. */
import type { Bench } from "./bench.ts";
import type { Row, Side } from "./rows.ts";
import { Sides } from "./sides.ts";

const more = 50;
const settling = 6000;

/** At rest with one container, and what each of 50 more adds. Measured once: PSS hardly varies. */
export async function measureMemory(bench: Bench): Promise<Row[]> {
  // A Deno of its own: PSS would divide the executable's pages among all daemons of this machine.
  await using sides = await Sides.start({ CTR_CACHE: bench.path("cache") });
  await bench.pullInto(sides);
  const [one, many] = [{ ours: 0, theirs: 0 }, { ours: 0, theirs: 0 }];
  for (const side of ["theirs", "ours"] as const) {
    await runIdle(sides, side, bench.image, 0, 1);
    await pause(settling);
    one[side] = await memoryOf(sides, side);
    await runIdle(sides, side, bench.image, 1, more);
    await pause(settling);
    many[side] = await memoryOf(sides, side);
  }
  const slope = (side: Side) => (many[side] - one[side]) / more;
  return [
    {
      work: "one more idle container (PSS, over 50)",
      unit: "MB",
      ours: slope("ours"),
      theirs: slope("theirs"),
      budget: { atMost: 0.4, of: "itself" },
    },
    { work: "at rest with one container (PSS)", unit: "MB", ...one, budget: { atMost: 120, of: "itself" } },
  ];
}

async function runIdle(sides: Sides, side: Side, image: string, from: number, count: number): Promise<void> {
  const loop = `n=${from}; while [ $n -lt ${from + count} ]; do
    "$@" run -d ${image} idle$n sleep 1000; n=$((n+1)); done`;
  await sides.script(side, loop);
}

/** Megabytes of a side's daemon and the shims it has started. */
async function memoryOf(sides: Sides, side: Side): Promise<number> {
  const shims = side === "ours"
    ? await processesWith("shim", sides.ours.state)
    : await processesWith("containerd-shim", sides.theirs.address);
  const pids = new Set([sides[side].pid, ...shims]);
  let kilobytes = 0;
  for (const pid of pids) {
    const text = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`);
    kilobytes += Number(/^Pss:\s+(\d+)/m.exec(text)![1]);
  }
  return kilobytes * 1024 / 1e6;
}

/** Processes whose command line has all of some words. */
async function processesWith(...words: string[]): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const commandLine = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (words.every((word) => commandLine.includes(word))) found.push(Number(name));
  }
  return found;
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
