/**
 * `deno task bench [row...]`: our daemon and ctr against Debian's containerd and its ctr, in one run.
 *
 * Prints the machine, a Markdown table of the rows (all of them unless some are named) and which budget of
 * DESIGN.md section 6 is missed. Needs root, a built dist/ctr and what scripts/setup installs.
 */
import { measureExport, measureImport } from "../tests/bench/archives.ts";
import { Bench, type Measurement } from "../tests/bench/bench.ts";
import { measureCommands } from "../tests/bench/commands.ts";
import { measureContent } from "../tests/bench/content.ts";
import { describeMachine } from "../tests/bench/machine.ts";
import { measureExec } from "../tests/bench/exec.ts";
import { measureExits } from "../tests/bench/exits.ts";
import { measureGc } from "../tests/bench/gc.ts";
import { measureMemory } from "../tests/bench/memory.ts";
import { measureLatency, measurePull } from "../tests/bench/pull.ts";
import { measurePeak } from "../tests/bench/peak.ts";
import { measurePush } from "../tests/bench/push.ts";
import { isWithin, type Row, table } from "../tests/bench/rows.ts";
import { measureRun } from "../tests/bench/run.ts";
import { measureSmallFiles } from "../tests/bench/small_files.ts";
import { measureStdio } from "../tests/bench/stdio.ts";
import { measureTasks } from "../tests/bench/tasks.ts";

const measurements: Record<string, Measurement> = {
  commands: measureCommands,
  run: measureRun,
  exec: measureExec,
  tasks: measureTasks,
  pull: measurePull,
  small: measureSmallFiles,
  push: measurePush,
  import: measureImport,
  export: measureExport,
  memory: measureMemory,
  content: measureContent,
  latency: measureLatency,
  peak: measurePeak,
  exits: measureExits,
  gc: measureGc,
  stdio: measureStdio,
};

const names = Deno.args.length ? Deno.args : Object.keys(measurements);
const unknown = names.filter((name) => !measurements[name]);
if (unknown.length) {
  console.error(`no row ${unknown.join(", ")}; there are ${Object.keys(measurements).join(", ")}`);
  Deno.exit(1);
}

const rows: Row[] = [];
{
  await using bench = await Bench.open();
  for (const name of names) {
    console.error(`measuring: ${name}`);
    rows.push(...await measurements[name]!(bench));
  }
}
console.log(`${await describeMachine()}\n\n${table(rows)}\n`);
const missed = rows.filter((row) => !isWithin(row));
console.log(missed.length ? `Missed: ${missed.map((row) => row.work).join("; ")}.` : "Every budget is met.");
