/** `ctr logs` */
import { ContainersDefinition } from "../api/services/containers/v1/containers.ts";
import { TasksDefinition } from "../api/services/tasks/v1/tasks.ts";
import { Status } from "../api/types/task/task.ts";
import { Code, isError } from "../errors.ts";
import { logFileOf } from "../client/log_place.ts";
import { readLog } from "../client/read_log.ts";
import { required } from "./arguments.ts";
import { type Call, usageError } from "./command.ts";
import { connect, type Daemon } from "./connect.ts";
import { parseDuration } from "./duration.ts";
import { writeAll } from "./output/print.ts";

export async function run(call: Call): Promise<void> {
  const [id] = required(call, "a container id");
  const { flags } = call;
  const tail = parseTail(flags.text("tail"));
  const since = parseSince(flags.text("since"));
  await using daemon = await connect(call);
  const { container } = await daemon.stub(ContainersDefinition).get({ id });
  const path = logFileOf(container!);
  const follow = flags.on("follow") && await runs(daemon, id) ? endOf(call, daemon, id) : undefined;
  const encoder = new TextEncoder();
  try {
    for await (const { log, stream, time } of readLog(path, { tail, since, follow })) {
      const text = flags.on("timestamps") ? `${time} ${log}` : log;
      writeAll(stream === "stdout" ? Deno.stdout : Deno.stderr, encoder.encode(text));
    }
  } catch (error) {
    // The task has not been started yet: nothing was written.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function runs(daemon: Daemon, containerId: string): Promise<boolean> {
  const task = await daemon.stub(TasksDefinition).get({ containerId }).catch(() => undefined);
  return (task?.process?.status ?? Status.STOPPED) !== Status.STOPPED;
}

/** Milliseconds between two looks for a daemon that is gone. */
const interval = 250;

/** Waits for a task's end, also over that of its daemon: the shim writes on meanwhile. */
async function endOf(call: Call, first: Daemon, containerId: string): Promise<void> {
  const again = { globals: { ...call.globals, autostart: false } };
  for (let daemon = first;;) {
    try {
      return void await daemon.stub(TasksDefinition).wait({ containerId });
    } catch (error) {
      if (!isError(error, Code.Unavailable)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, interval));
    // The broken one stays in use, and fails at once, until another can be had.
    daemon = await connect(again).catch(() => daemon);
  }
}

function parseTail(text: string): number | undefined {
  if (text === "" || text === "all") return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw usageError(`--tail ${JSON.stringify(text)} is neither a number of lines nor "all"`);
}

/** A time, or how long ago. */
function parseSince(text: string): Date | undefined {
  if (text === "") return undefined;
  if (/^\d{4}-/.test(text) && !Number.isNaN(Date.parse(text))) return new Date(text);
  return new Date(Date.now() - parseDuration(text));
}
