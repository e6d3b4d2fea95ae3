/** Staying with an exec of which the daemon tells. */
import { ExecsDefinition, type Pipes, type RunResponse } from "../../api/services/execs/v1/execs.ts";
import type { Daemon } from "../connect.ts";
import { follow, type ProcessName, sayDetached } from "../process/follow.ts";
import { lentStdio } from "../process/stdio.ts";

/** Copies its streams by the pipes that were made for it; its exit code, or 0 if the user leaves it. */
export async function stay(
  daemon: Daemon,
  name: ProcessName,
  pipes: Pipes,
  news: AsyncIterator<RunResponse>,
  keys: Uint8Array<ArrayBuffer>,
): Promise<number> {
  const stdio = lentStdio({ ...pipes, terminal: false }, keys);
  stdio.copy(async () => void await daemon.stub(ExecsDefinition).closeInput(name));
  const started = news.next();
  const ended = async () => {
    await started;
    return (await news.next()).value!.ended!;
  };
  const outcome = await follow(daemon, stdio, name, { start: () => started, ended });
  // By the connection's end the daemon hears that the process may be deleted.
  if (outcome !== "detached") return outcome;
  await news.return?.();
  sayDetached(daemon, name);
  return 0;
}
