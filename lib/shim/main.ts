/** The shim as a process. */
import { connectTtrpc } from "../rpc/ttrpc/client.ts";
import { serveTtrpc } from "../rpc/ttrpc/server.ts";
import { Access, becomeSubreaper, Epoll, leaveSession, nameProcess, openFd, redirect } from "../sys/mod.ts";
import { adoptAll } from "./adopt.ts";
import { parseArguments, READY, shimSocket } from "./arguments.ts";
import { Containers } from "./container.ts";
import { EventQueue } from "./events.ts";
import { Reaper } from "./reaper.ts";
import { checkedRunc } from "./runc.ts";
import { taskServices } from "./service.ts";
import type { Shim } from "./shim.ts";

/** Serves until it is told to shut down. */
export async function serve(args: readonly string[]): Promise<never> {
  const { state, address } = parseArguments(args);
  leaveSession();
  becomeSubreaper();
  nameProcess("ctr-shim");
  const shim: Shim = {
    state,
    containers: new Containers(),
    reaper: new Reaper(),
    epoll: new Epoll(),
    events: new EventQueue(() => connectTtrpc(address)),
    quit: () => quit(shim, shimSocket(state)),
  };
  // Known by the time of the first container, which would otherwise wait for it.
  checkedRunc(shim.reaper, "runc").catch(() => {});
  await adoptAll(shim);
  await listen(shim, shimSocket(state));
  announce(state);
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) Deno.addSignalListener(name, () => {});
  return await new Promise<never>(() => {});
}

/** Root alone may reach it: by its directory from the first moment, by its own mode from then on. */
async function listen(shim: Shim, path: string): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
  await Deno.chmod(path.slice(0, path.lastIndexOf("/")), 0o700);
  await Deno.remove(path).catch(() => {});
  const listener = Deno.listen({ transport: "unix", path });
  await Deno.chmod(path, 0o600);
  serveTtrpc(listener, taskServices(shim));
}

/** Says that it is ready, then leaves the starter's pipes for a log of its own. */
function announce(state: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(READY));
  const log = openFd(`${state}/shim/shim.log`, Access.WRITE | Access.CREATE | Access.APPEND);
  redirect(log, 1);
  redirect(log, 2);
}

const GRACE = 2000;

async function quit({ events }: Shim, path: string): Promise<void> {
  await Deno.remove(path).catch(() => {});
  const deadline = performance.now() + GRACE;
  const end = () => {
    if (events.pending === 0 || performance.now() > deadline) Deno.exit(0);
    setTimeout(end, 20);
  };
  // After the answer to Shutdown has gone out.
  setTimeout(end, 20);
}
