/** `ctr tasks exec` */
import { requiredTwo } from "../arguments.ts";
import type { Call, Flags } from "../command.ts";
import { connect } from "../connect.ts";
import { execAtOnce } from "./exec_at_once.ts";

export async function run(call: Call): Promise<number> {
  const [containerId, ...args] = requiredTwo(call, "a container id", "a command");
  const execId = call.flags.text("exec-id") || "exec-" + crypto.randomUUID().slice(0, 8);
  const name = { containerId, execId };
  await using daemon = await connect(call);
  const code = isPlain(call.flags) ? await execAtOnce(daemon, call, name, args) : undefined;
  if (code !== undefined) return code;
  const { execByCalls } = await import("./exec_by_calls.ts");
  return await execByCalls(daemon, call, name, args);
}

/** Whether our own streams are copied, by pipes that the daemon makes: they are root's. */
function isPlain(flags: Flags): boolean {
  const others = ["log-uri", "fifo-dir", "pid-file"].some((name) => flags.text(name));
  return !flags.on("tty") && !flags.on("detach") && !others && Deno.uid() === 0;
}
