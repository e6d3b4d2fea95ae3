/** The daemons that our library is tried on: Debian's containerd and a newer one, ours over its socket, ours in this process. */
import { Client, serve } from "../../../mod.ts";
import { containerd2 } from "../../harness/containerd2.ts";
import { Scratch, startContainerd, startLongshore } from "../../harness/mod.ts";

/** A daemon that runs. */
export interface Target extends AsyncDisposable {
  /** Another connection to it. */
  connect(namespace?: string): Promise<Client>;
}

export const targets: Record<string, () => Promise<Target>> = {
  "containerd over gRPC": async () => over(await startContainerd("shm")),
  "our daemon over ttrpc": async () => over(await startLongshore({ where: "shm" })),
  "our daemon in this process": embedded,
};

const newer = containerd2();

/** And a containerd that transfers images itself, by rules of its own. */
export const allTargets: typeof targets = {
  ...targets,
  ...newer &&
    { "containerd 2 over gRPC": async () => over(await startContainerd("shm", { PATH: newer.path })) },
};

function over(daemon: AsyncDisposable & { address: string }): Target {
  return {
    connect: (namespace) => Client.connect(daemon.address, { namespace }),
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  };
}

async function embedded(): Promise<Target> {
  await using stack = new AsyncDisposableStack();
  const scratch = stack.use(await Scratch.make("shm"));
  const state = scratch.join("state");
  const daemon = stack.use(
    await serve({ root: scratch.join("root"), state, address: `${state}/longshore.sock`, logLevel: "error" }),
  );
  const owned = stack.move();
  return {
    connect: (namespace) => Promise.resolve(Client.over(daemon.channel, { namespace })),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
