/** `ctr stats`, `ctr top` */
import { TasksDefinition } from "../api/services/tasks/v1/tasks.ts";
import { Status } from "../api/types/task/task.ts";
import { allMetrics, usageOf } from "../client/metrics.ts";
import { notFound } from "../errors.ts";
import { type Call, usageError } from "./command.ts";
import { connect, type Daemon } from "./connect.ts";
import { parseDuration } from "./duration.ts";
import { print } from "./output/print.ts";
import { layOut, wide } from "./output/table.ts";
import { networkOf } from "./usage/network.ts";
import { hostMemory, jsonRow, type Look, row, titles } from "./usage/rows.ts";

/** Milliseconds between the first two looks, at most: nobody likes to wait for the first answer. */
const FIRST = 500;

export async function run(call: Call): Promise<void> {
  const { flags, args } = call;
  const format = flags.text("format");
  if (format !== "table" && format !== "json") throw usageError("format must be table or json");
  const interval = parseDuration(flags.text("interval"));
  if (!(interval >= 100)) throw usageError("--interval must be 100ms or more");
  const host = hostMemory(await Deno.readTextFile("/proc/meminfo"));
  await using daemon = await connect(call);
  const show = format === "json" ? showJson : Deno.stdout.isTerminal() ? showLive : showTable;
  let before = await look(daemon, args);
  for (let pause = Math.min(FIRST, interval);; pause = interval) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    const now = await look(daemon, args);
    const earlier = new Map(before.map((one) => [one.name, one]));
    show(now.map((one) => [earlier.get(one.name), one]), host);
    if (flags.on("no-stream")) return;
    before = now;
  }
}

type Pair = readonly [before: Look | undefined, now: Look];

function showJson(pairs: readonly Pair[], host: bigint): void {
  print(pairs.map((pair) => jsonRow(...pair, host)).join(""));
}

function showTable(pairs: readonly Pair[], host: bigint): void {
  print(table(pairs, host));
}

/** In place of what was shown before: from the top, each line to its end, and nothing below. */
function showLive(pairs: readonly Pair[], host: bigint): void {
  print("\x1b[H" + table(pairs, host).replaceAll("\n", "\x1b[K\n") + "\x1b[J");
}

const table = (pairs: readonly Pair[], host: bigint) =>
  layOut([titles, ...pairs.map((pair) => row(...pair, host))], wide);

/** The named containers, or all that run. Throws NotFound for a named one that has no task. */
async function look(daemon: Daemon, names: readonly string[]): Promise<Look[]> {
  const [{ tasks }, metrics] = await Promise.all([
    daemon.stub(TasksDefinition).list({}),
    allMetrics(daemon, names.map((name) => `id==${JSON.stringify(name)}`)),
  ]);
  const states = new Map(tasks.map((task) => [task.id, task]));
  for (const name of names) {
    if (!states.has(name)) throw notFound(`task ${name}`);
  }
  return metrics.filter(({ id }) => states.has(id) && (names.length || runs(states.get(id)!.status)))
    .map((found) => ({
      name: found.id,
      at: found.at.getTime(),
      network: networkOf(states.get(found.id)!.pid),
      ...usageOf(found),
    }))
    .sort((a, b) => a.name < b.name ? -1 : 1);
}

const runs = (status: Status) => status !== Status.STOPPED && status !== Status.CREATED;
