/** An exec by one call, which our daemon has for it. */
import { ExecsDefinition } from "../../api/services/execs/v1/execs.ts";
import { Code, isError } from "../../errors.ts";
import type { Call } from "../command.ts";
import { tidyCompiled } from "../compiled.ts";
import type { Daemon } from "../connect.ts";
import { detachKeysFlag, parseDetachKeys } from "../process/detach_keys.ts";
import type { ProcessName } from "../process/follow.ts";

/** Its exit code. Undefined if the daemon has no such call: then nothing has been done. */
export async function execAtOnce(
  daemon: Daemon,
  { flags }: Call,
  name: ProcessName,
  args: readonly string[],
): Promise<number | undefined> {
  const keys = parseDetachKeys(flags.text(detachKeysFlag.name));
  const own = {
    env: flags.list("env"),
    cwd: flags.text("cwd"),
    user: flags.text("user"),
    noInput: hasNoInput(),
  };
  const news = daemon.stub(ExecsDefinition).run({ ...name, args: [...args], ...own }, { brief: true });
  const told = news[Symbol.asyncIterator]();
  const first = told.next();
  first.catch(() => {});
  // While the daemon is at it.
  const { stay } = await import("./stay.ts");
  await tidyCompiled();
  try {
    await first;
  } catch (error) {
    if (isError(error, Code.Unimplemented)) return undefined;
    throw error;
  }
  return await stay(daemon, name, (await first).value!.made!, told, keys);
}

/** What is /dev/null for us is that for the process: no pipe, and no word of its end. */
function hasNoInput(): boolean {
  try {
    return Deno.readLinkSync("/proc/self/fd/0") === "/dev/null";
  } catch {
    return false;
  }
}
