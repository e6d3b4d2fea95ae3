/** An exec by the calls that containerd has: with its daemon, and for what asks for more than our own streams. */
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import { Code, isError } from "../../errors.ts";
import { lookUpUser, mergeEnv, processUrl } from "../../oci/mod.ts";
import type { Call, Flags } from "../command.ts";
import type { Daemon } from "../connect.ts";
import { detachKeysFlag, parseDetachKeys } from "../process/detach_keys.ts";
import { follow, type ProcessName, sayDetached } from "../process/follow.ts";
import { parseExact } from "../process/json.ts";
import { openStdio, type Stdio } from "../process/stdio.ts";
import { closeInput, exitOf } from "../process/task_calls.ts";
import { ownSize } from "../process/terminal.ts";
import { writePid } from "../run/start.ts";
import { loadTask } from "./load.ts";

export async function execByCalls(
  daemon: Daemon,
  { flags }: Call,
  name: ProcessName,
  args: readonly string[],
): Promise<number> {
  const { container, process } = await loadTask(daemon, name.containerId);
  const spec = parseExact(new TextDecoder().decode(container.spec?.value)).process;
  spec.args = [...args];
  spec.terminal = flags.on("tty");
  if (flags.text("cwd")) spec.cwd = flags.text("cwd");
  if (flags.text("user")) spec.user = await lookUpUser(`/proc/${process.pid}/root`, flags.text("user"));
  spec.env = mergeEnv(spec.env ?? [], flags.list("env"));
  const size = flags.on("tty") && !flags.on("detach") ? await ownSize() : undefined;
  if (size) spec.consoleSize = size;
  using stdio = openStdio({
    id: name.execId,
    terminal: spec.terminal,
    none: flags.on("detach"),
    logUri: flags.text("log-uri"),
    fifoDir: flags.text("fifo-dir"),
    detachKeys: parseDetachKeys(flags.text(detachKeysFlag.name)),
  });
  return await execute(daemon, name, stdio, spec, flags);
}

async function execute(daemon: Daemon, name: ProcessName, stdio: Stdio, spec: unknown, flags: Flags) {
  const tasks = daemon.stub(TasksDefinition);
  const { stdin, stdout, stderr, terminal } = stdio;
  const value = new TextEncoder().encode(JSON.stringify(spec));
  stdio.copy(closeInput(daemon, stdio, name));
  const added = tasks.exec({
    ...name,
    stdin,
    stdout,
    stderr,
    terminal,
    spec: { typeUrl: processUrl, value },
  });
  const start = async () => {
    try {
      const { pid } = await tasks.start(name);
      if (flags.text("pid-file")) await writePid(flags.text("pid-file"), pid);
    } catch (error) {
      await tasks.deleteProcess(name).catch(() => {});
      throw error;
    }
  };
  if (flags.on("detach")) {
    await added;
    await start();
    return 0;
  }
  const outcome = await follow(daemon, stdio, name, {
    made: added,
    ended: () => exitOf(daemon, name),
    start,
  });
  if (outcome === "detached") {
    sayDetached(daemon, name);
    return 0;
  }
  await tasks.deleteProcess(name).catch(unlessGone);
  return outcome;
}

/** Somebody who has attached may have deleted it first; so has the end of its container. */
function unlessGone(error: unknown): void {
  if (!isError(error, Code.NotFound)) throw error;
}
