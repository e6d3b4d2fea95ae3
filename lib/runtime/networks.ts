/** The network of a task that the daemon starts again: what `ctr run --cni` did for the first one. */
import type { Container } from "../api/services/containers/v1/containers.ts";
import { networkExtension } from "../labels.ts";
import type { Scope } from "../scope.ts";

/** Milliseconds that plugins have for a container's network: one that hangs must not hold its container for ever. */
const patience = 60_000;

/** Attaches a created task if its container's record wants it. */
export async function attachIfWanted(
  { namespace }: Scope,
  { id, extensions }: Container,
  pid: number,
): Promise<void> {
  if (!extensions[networkExtension]) return;
  const { attachNetwork, wishesOf } = await import("../cni/mod.ts");
  const wishes = wishesOf({ extensions });
  if (wishes) await attachNetwork(wishes, { namespace, id, pid }, AbortSignal.timeout(patience));
}

/** Gives back what the record tells of, unless there is a task that it is for. */
export async function detachIfAttached(
  { namespace }: Scope,
  { id, extensions }: Container,
  unless: () => Promise<boolean>,
): Promise<void> {
  if (!extensions[networkExtension]) return;
  const { detachNetwork, wishesOf } = await import("../cni/mod.ts");
  const wishes = wishesOf({ extensions });
  const signal = AbortSignal.timeout(patience);
  if (wishes) await detachNetwork(wishes, { namespace, id }, { signal, unless });
}
