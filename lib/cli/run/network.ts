/** The flags of `run` that give a container a network by CNI. */
import type { Any } from "../../api/google/protobuf/any.ts";
import { type Container, ContainersDefinition } from "../../api/services/containers/v1/containers.ts";
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import { Status } from "../../api/types/task/task.ts";
import type { NetworkWishes } from "../../client/network.ts";
import { Code, isError } from "../../errors.ts";
import { networkExtension } from "../../labels.ts";
import { type Flags, usageError } from "../command.ts";
import type { Daemon } from "../connect.ts";

/** Refuses what makes no sense before anything is made. */
export async function checkNetworkFlags(flags: Flags): Promise<void> {
  const ports = flags.list("publish");
  if (!flags.on("cni")) {
    if (ports.length) throw usageError("--publish needs --cni");
    return;
  }
  const other = ["net-host", "checkpoint"].find((name) => flags.has(name));
  if (other) throw usageError(`--cni and --${other} exclude each other`);
  if (flags.list("with-ns").some((text) => text.startsWith("network:"))) {
    throw usageError("--cni and --with-ns network:PATH exclude each other");
  }
  await wishesFrom(flags);
}

/** Refuses to begin where the network can't be made. */
export async function checkNetworkHere(flags: Flags): Promise<void> {
  if (!flags.on("cni")) return;
  const { checkNetwork } = await import("../../client/network.ts");
  await checkNetwork(await wishesFrom(flags));
}

async function wishesFrom(flags: Flags): Promise<NetworkWishes> {
  const [{ networkWishes }, { parsePort }] = await Promise.all([
    import("../../client/network.ts"),
    import("../../cni/mod.ts"),
  ]);
  return networkWishes(flags.list("publish").map(parsePort));
}

/** What the container's record says of it. */
export async function extensionsOf(flags: Flags): Promise<Record<string, Any>> {
  if (!flags.on("cni")) return {};
  const { extensionsFor } = await import("../../client/network.ts");
  return extensionsFor(await wishesFrom(flags));
}

/** Attaches a created task if its container wants it; what is given then takes it off. */
export async function attachIfWanted(
  daemon: Daemon,
  { id, extensions }: { id: string; extensions?: Record<string, Any> },
  pid: number,
): Promise<{ detach(): Promise<void> } | undefined> {
  if (!extensions?.[networkExtension]) return undefined;
  const { attachNetwork, wishesOf } = await import("../../client/network.ts");
  const wishes = wishesOf({ extensions });
  const { namespace, signal } = daemon.globals;
  return wishes && await attachNetwork(wishes, { namespace, id, pid }, signal);
}

/** Takes a container whose task is gone off its networks, unless it has got another one meanwhile. */
export async function detachIfAttached(
  daemon: Daemon,
  { id, extensions }: Pick<Container, "id" | "extensions">,
): Promise<void> {
  if (!extensions[networkExtension]) return;
  const { detachNetwork, wishesOf } = await import("../../client/network.ts");
  const wishes = wishesOf({ extensions });
  const { namespace, signal } = daemon.globals;
  const unless = () => hasLiveTask(daemon, id);
  if (wishes) await detachNetwork(wishes, { namespace, id }, { signal, unless });
}

/** As {@linkcode detachIfAttached}, by the container's name. */
export async function detachByName(daemon: Daemon, id: string): Promise<void> {
  const { container } = await daemon.stub(ContainersDefinition).get({ id });
  await detachIfAttached(daemon, container!);
}

async function hasLiveTask(daemon: Daemon, containerId: string): Promise<boolean> {
  try {
    const { process } = await daemon.stub(TasksDefinition).get({ containerId });
    return process?.status !== Status.STOPPED;
  } catch (error) {
    if (isError(error, Code.NotFound)) return false;
    throw error;
  }
}
