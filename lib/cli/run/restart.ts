/** The flag of `run` that has a container's task started again. */
import { restartLabels } from "../../labels.ts";
import { parseRestartPolicy } from "../../oci/mod.ts";
import { type Flags, usageError } from "../command.ts";

/** Refuses what makes no sense before anything is made. */
export function checkRestartFlags(flags: Flags): void {
  const policy = flags.text("restart");
  if (!policy) return;
  parseRestartPolicy(policy);
  if (!flags.on("detach")) throw usageError("--restart needs --detach");
}

/** The labels by which the daemon is asked for it. */
export function restartLabelsOf(flags: Flags): Record<string, string> {
  const policy = flags.text("restart");
  if (!policy || policy === "no") return {};
  const log = flags.text("log-uri");
  return {
    [restartLabels.status]: "running",
    [restartLabels.policy]: policy,
    ...log ? { [restartLabels.log]: log } : {},
  };
}
