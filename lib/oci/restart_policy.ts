/** When a container's task is started again: what its labels say. Source: containerd's core/runtime/restart. */
import { invalidArgument } from "../errors.ts";
import { restartLabels } from "../labels.ts";

type Labels = Readonly<Record<string, string>>;

/** A policy as labels and flags write it. */
export interface RestartPolicy {
  readonly name: "no" | "always" | "on-failure" | "unless-stopped";
  /** Of on-failure: how often at most; 0 for any number. */
  readonly limit: number;
}

/** Reads "always", "on-failure:3" and so on; nothing is "always". Throws InvalidArgument. */
export function parseRestartPolicy(text: string): RestartPolicy {
  const [, name, limit] = /^(no|always|on-failure|unless-stopped)(?::(\d{1,9}))?$/.exec(text || "always") ??
    [];
  if (!name || (limit !== undefined && name !== "on-failure")) {
    throw invalidArgument(
      `restart policy ${
        JSON.stringify(text)
      }: there are no, always, unless-stopped, on-failure and on-failure:NUMBER`,
    );
  }
  return { name: name as RestartPolicy["name"], limit: Number(limit ?? 0) };
}

/** Whether somebody looks after the container's task at all. */
export const isLookedAfter = (labels: Labels) => labels[restartLabels.status] !== undefined;

/**
 * Whether a task that has ended, with `code`, or isn't there, is to be started. One that was stopped on purpose
 * stays so; where the policy is "always", until the daemon starts anew (`starting`), as with Docker.
 */
export function wantsStart(labels: Labels, code: number, { starting = false } = {}): boolean {
  if (labels[restartLabels.status] !== "running") return false;
  const { name, limit } = parseRestartPolicy(labels[restartLabels.policy] ?? "");
  const stopped = labels[restartLabels.stopped] === "true";
  if (name === "no") return false;
  if (name === "always") return starting || !stopped;
  if (stopped) return false;
  return name === "unless-stopped" || code !== 0 && (limit === 0 || restartsOf(labels) < limit);
}

/** How often a task was started again. */
export const restartsOf = (labels: Labels): number => Number(labels[restartLabels.count] ?? 0) || 0;
