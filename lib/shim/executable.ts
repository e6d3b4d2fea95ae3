/**
 * This program as the executable of a containerd shim (named containerd-shim-longshore-v2, say): containerd runs
 * it with `start`, which tells where a shim listens, with `delete`, when a shim died, and with `-info`. One shim serves all
 * containers of a containerd, each namespace on a socket of its own. Source: containerd's core/runtime/v2/README.md.
 */
import { Any } from "../api/google/protobuf/any.ts";
import { DeleteResponse } from "../api/runtime/task/v2/shim.ts";
import { RuntimeInfo } from "../api/types/introspection.ts";
import { Options } from "../api/types/runc/options/oci.ts";
import { ShimDefinition } from "../api/shim/v1/shim.ts";
import { invalidArgument } from "../errors.ts";
import { now } from "../rpc/timestamp.ts";
import { connectTtrpc } from "../rpc/ttrpc/client.ts";
import { selfCommand, unmountAll } from "../sys/mod.ts";
import { shimSocket } from "./arguments.ts";
import { readRecord } from "./record.ts";
import { spawnShim } from "./spawn.ts";

/** Seconds that the shim stays without containers. */
const LINGER = 10;
/** What a process that was killed ends with; nobody can know more of one whose shim died. */
const KILLED = 137;

/** What containerd asks of the executable. */
export interface ShimCommand {
  readonly action: "start" | "delete" | "info";
  readonly namespace: string;
  /** The container's. */
  readonly id: string;
  /** Its bundle; empty for the working directory. */
  readonly bundle: string;
}

/** Does what containerd asks; what it prints is the answer. */
export async function runExecutable({ action, namespace, id, bundle }: ShimCommand): Promise<void> {
  if (action === "start") return await start(namespace);
  if (action === "info") return await info();
  await printBytes(DeleteResponse.encode(await remove(id, bundle || Deno.cwd())).finish());
}

/** The options come as for `start`. */
async function info(): Promise<void> {
  const options = Any.decode(new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer()));
  const { ownRuntimeInfo } = await import("./info.ts");
  await printBytes(RuntimeInfo.encode(await ownRuntimeInfo("io.containerd.longshore.v2", options)).finish());
}

async function start(namespace: string): Promise<void> {
  const address = Deno.env.get("TTRPC_ADDRESS");
  if (!address?.startsWith("/")) {
    throw invalidArgument("TTRPC_ADDRESS is not set: start is for containerd to call");
  }
  const cgroup = await cgroupAskedFor();
  const state = `${address.slice(0, address.lastIndexOf("/"))}/longshore-shim${await suffixOf(cgroup)}`;
  await Deno.mkdir(state, { recursive: true, mode: 0o700 });
  using lock = await Deno.open(`${state}/lock`, { write: true, create: true, mode: 0o600 });
  await lock.lock(true);
  const socket = await served(state, namespace).catch(async () => {
    await spawnShim({ state, address, linger: LINGER, cgroup, command: selfCommand });
    return await served(state, namespace);
  });
  // containerd looks here after a restart of its own.
  await Deno.writeTextFile("address", `unix://${socket}`, { mode: 0o600 });
  await printBytes(new TextEncoder().encode(`unix://${socket}`));
}

/** By the runtime options, which come on standard input. */
async function cgroupAskedFor(): Promise<string> {
  const any = Any.decode(new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer()));
  return any.typeUrl === "containerd.runc.v1.Options" ? Options.decode(any.value).shimCgroup : "";
}

/** Containers that ask for the same cgroup share a shim there. Short, since a socket's path has at most 107 bytes. */
async function suffixOf(cgroup: string): Promise<string> {
  if (!cgroup) return "";
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(cgroup)));
  return `-${digest.toHex().slice(0, 8)}`;
}

/** Where the shim that is there serves a namespace. */
async function served(state: string, namespace: string): Promise<string> {
  await using channel = await connectTtrpc(shimSocket(state));
  return (await channel.stub(ShimDefinition).serve({ namespace })).socket;
}

/** Removes the container of a bundle, if there is one, and its mounts. */
async function remove(id: string, bundle: string): Promise<DeleteResponse> {
  const record = await readRecord(bundle);
  if (record && await isThere(`${record.runtime.root}/${id}`)) {
    const { binary, root, systemdCgroup } = record.runtime;
    const args = ["--root", root, ...systemdCgroup ? ["--systemd-cgroup"] : [], "delete", "--force", id];
    const { success, stderr } = await new Deno.Command(binary, { args, stdin: "null" }).output();
    if (!success) console.error(new TextDecoder().decode(stderr).trim());
  }
  await unmountAll(`${bundle}/rootfs`);
  return { pid: record?.pid ?? 0, exitStatus: KILLED, exitedAt: now() };
}

const isThere = (path: string) => Deno.lstat(path).then(() => true, () => false);

async function printBytes(bytes: Uint8Array): Promise<void> {
  const writer = Deno.stdout.writable.getWriter();
  await writer.write(bytes);
  writer.releaseLock();
}
