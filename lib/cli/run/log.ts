/** The flags of `run` that keep a container's output. */
import type { LogOptions } from "../../client/log_place.ts";
import { logLabel } from "../../labels.ts";
import { type Flags, usageError } from "../command.ts";
import type { Daemon } from "../connect.ts";

/** Refuses what makes no sense before anything is made. */
export function checkLogFlags(flags: Flags): void {
  const driver = flags.text("log-driver");
  if (driver && driver !== "json-file") throw usageError(`log driver ${driver} is not known: json-file is`);
  if (!driver && flags.list("log-opt").length) throw usageError("--log-opt needs --log-driver json-file");
  if (driver && !flags.on("detach")) throw usageError("--log-driver needs --detach");
  if (driver && flags.text("log-uri")) throw usageError("--log-driver and --log-uri exclude each other");
  optionsOf(flags);
}

/** The labels that say where a container's output goes, also when it is started again. */
export async function logLabels(daemon: Daemon, flags: Flags, id: string): Promise<Record<string, string>> {
  if (!flags.text("log-driver")) return {};
  const { jsonLogUri } = await import("../../client/log_place.ts");
  const { namespace } = daemon.globals;
  return { [logLabel]: await jsonLogUri(daemon, { namespace, id }, optionsOf(flags)) };
}

function optionsOf(flags: Flags): LogOptions {
  const options: { maxSize?: string; maxFile?: string } = {};
  for (const option of flags.list("log-opt")) {
    const [, name, value] = /^(max-size|max-file)=(.+)$/.exec(option) ?? [];
    if (!name) throw usageError(`--log-opt ${option}: max-size=SIZE and max-file=NUMBER are known`);
    options[name === "max-size" ? "maxSize" : "maxFile"] = value!;
  }
  return options;
}
