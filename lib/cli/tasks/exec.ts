/** `ctr tasks exec` */
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import { lookUpUser, mergeEnv, processUrl } from "../../oci/mod.ts";
import { requiredTwo } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect, type Daemon } from "../connect.ts";
import { copyStdio, exitOf, follow, type ProcessName } from "../process/follow.ts";
import { parseExact } from "../process/json.ts";
import { openStdio, type Stdio } from "../process/stdio.ts";
import { loadTask } from "./load.ts";

export async function run(call: Call): Promise<number> {
  const [containerId, ...args] = requiredTwo(call, "a container id", "a command");
  const { flags } = call;
  const execId = flags.text("exec-id") || "exec-" + crypto.randomUUID().slice(0, 8);
  await using daemon = await connect(call);
  const { container, process } = await loadTask(daemon, containerId);
  const spec = parseExact(new TextDecoder().decode(container.spec?.value)).process;
  spec.args = args;
  spec.terminal = flags.on("tty");
  if (flags.text("cwd")) spec.cwd = flags.text("cwd");
  if (flags.text("user")) spec.user = await lookUpUser(`/proc/${process.pid}/root`, flags.text("user"));
  spec.env = mergeEnv(spec.env ?? [], flags.list("env"));
  await using stdio = await openStdio({
    id: execId,
    terminal: spec.terminal,
    none: flags.on("detach"),
    logUri: flags.text("log-uri"),
    fifoDir: flags.text("fifo-dir"),
  });
  return await execute(daemon, { containerId, execId }, stdio, spec, flags.on("detach"));
}

async function execute(daemon: Daemon, name: ProcessName, stdio: Stdio, spec: unknown, detach: boolean) {
  const tasks = daemon.stub(TasksDefinition);
  const { stdin, stdout, stderr, terminal } = stdio;
  const value = new TextEncoder().encode(JSON.stringify(spec));
  copyStdio(daemon, stdio, name);
  await tasks.exec({ ...name, stdin, stdout, stderr, terminal, spec: { typeUrl: processUrl, value } });
  try {
    const exited = detach ? undefined : exitOf(daemon, name);
    await tasks.start(name);
    if (!exited) return 0;
    const code = await follow(daemon, stdio, name, exited);
    await tasks.deleteProcess(name);
    return code;
  } catch (error) {
    await tasks.deleteProcess(name).catch(() => {});
    throw error;
  }
}
