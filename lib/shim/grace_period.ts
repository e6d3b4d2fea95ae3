/**
 * Time that runc need not wait: before a process may be moved to another cgroup, the kernel lets an RCU grace
 * period pass (it makes the readers of cgroup_threadgroup_rwsem slow), about ten milliseconds, and not again for
 * as long after. With runc, which moves a container's process there at half its way, this is a third of a create.
 *
 * Moving a process to where it is asks for the same and changes nothing. Done some milliseconds before
 * runc is started, the period has passed by when runc needs it.
 */
import { type Cgroup, locateCgroup } from "../cgroups/mod.ts";

let passing: Promise<void> | undefined;

/** Has the grace period begin; nobody needs to wait for it. */
export function beginGracePeriod(): void {
  passing ??= stayWhereWeAre().catch(() => {}).finally(() => passing = undefined);
}

/** Whoever runs without the right to do it has runc wait. */
async function stayWhereWeAre(): Promise<void> {
  const own = locateCgroup(Deno.pid);
  const dir = own && directoryOf(own);
  if (!dir) return;
  using file = await Deno.open(`${dir}/cgroup.procs`, { write: true });
  await file.write(new TextEncoder().encode(String(Deno.pid)));
}

/** Any hierarchy will do: they share the lock. */
function directoryOf(cgroup: Cgroup): string | undefined {
  return cgroup.version === 2 ? cgroup.dir : cgroup.dirs.values().next().value;
}
