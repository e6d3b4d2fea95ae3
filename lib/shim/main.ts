/** The shim as a process. */
import { messageOf } from "../errors.ts";
import { connectTtrpc } from "../rpc/ttrpc/client.ts";
import { Access, becomeSubreaper, Epoll, leaveSession, nameProcess, openFd, redirect } from "../sys/mod.ts";
import { adoptAll, adoptFrom } from "./adopt.ts";
import { parseArguments, READY } from "./arguments.ts";
import { Containers } from "./container.ts";
import { EventQueue } from "./events.ts";
import { Reaper } from "./reaper.ts";
import { joinCgroup } from "./join_cgroup.ts";
import { readRecord } from "./record.ts";
import { checkedRunc } from "./runc.ts";
import type { Shim } from "./shim.ts";
import { Sockets } from "./sockets.ts";

/** Serves until it is told to shut down. */
export async function serve(args: readonly string[]): Promise<never> {
  const { state, address, linger, cgroup, bundle } = parseArguments(args);
  if (cgroup) await join(cgroup, bundle);
  leaveSession();
  becomeSubreaper();
  nameProcess("ctr-shim");
  const shim: Shim = {
    state,
    cgroup,
    containers: new Containers(),
    reaper: new Reaper(),
    epoll: new Epoll(),
    events: new EventQueue(() => connectTtrpc(address)),
    quit: () => leave(),
  };
  const sockets = new Sockets(shim);
  const leave = linger ? lingering(shim, sockets, linger) : () => quit(shim, sockets);
  // Known by the time of the first container, which would otherwise wait for it.
  checkedRunc(shim.reaper, "runc").catch(() => {});
  await (bundle ? adoptFrom(shim, bundle) : adoptAll(shim));
  await sockets.open();
  announce(state);
  if (linger) await leave();
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) Deno.addSignalListener(name, () => {});
  return await new Promise<never>(() => {});
}

/** A container that runs is looked after all the same, should the cgroup have gone with the shim before this one. */
async function join(cgroup: string, bundle: string): Promise<void> {
  try {
    await joinCgroup(cgroup);
  } catch (error) {
    if (!bundle || !await readRecord(bundle)) throw error;
    console.error(messageOf(error));
  }
}

/** Says that it is ready, then leaves the starter's pipes for a log of its own. */
function announce(state: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(READY));
  const log = openFd(`${state}/shim/shim.log`, Access.WRITE | Access.CREATE | Access.APPEND);
  redirect(log, 1);
  redirect(log, 2);
}

/**
 * Instead of an end: one when there has been no container for that many seconds. Starting a shim costs more than keeping one, and who
 * has just been told of this one must find it.
 */
function lingering(shim: Shim, sockets: Sockets, seconds: number): () => Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (shim.containers.size === 0) void quit(shim, sockets);
    }, seconds * 1000);
    return Promise.resolve();
  };
}

const GRACE = 2000;

async function quit({ events }: Shim, sockets: Sockets): Promise<void> {
  await sockets.remove();
  const deadline = performance.now() + GRACE;
  const end = () => {
    if (events.pending === 0 || performance.now() > deadline) Deno.exit(0);
    setTimeout(end, 20);
  };
  // After the answer to Shutdown has gone out.
  setTimeout(end, 20);
}
