/** How a command reaches the daemon. */
import { dial } from "../client/connect.ts";
import { Code, type CtrError, isError, messageOf, unavailable } from "../errors.ts";
import type { Channel, ServiceDefinition, Stub } from "../rpc/service.ts";
import type { Call, Globals } from "./command.ts";

/** A daemon, spoken to in the call's namespace. */
export interface Daemon extends AsyncDisposable {
  readonly globals: Globals;
  readonly channel: Channel;
  /** A service of it, in the namespace of the call unless another is given. */
  stub<D extends ServiceDefinition>(definition: D, more?: { namespace?: string; lease?: string }): Stub<D>;
  /** Lets work go on beside the command, and the connection wait for it in the end. Whether it fails is not told. */
  finish(work: Promise<unknown>): void;
}

/**
 * Connects to the daemon of `--address`. When none runs at the default address one is started.
 *
 * Throws Unavailable, with what to do, if nobody answers.
 */
export async function connect({ globals }: Pick<Call, "globals">): Promise<Daemon> {
  const channel = await open(globals);
  const unfinished: Promise<unknown>[] = [];
  return {
    globals,
    channel,
    stub: (definition, more) =>
      channel.stub(definition, { namespace: globals.namespace, signal: globals.signal, ...more }),
    finish: (work) => void unfinished.push(work.catch(() => {})),
    async [Symbol.asyncDispose]() {
      await Promise.all(unfinished);
      await channel[Symbol.asyncDispose]();
    },
  };
}

async function open(globals: Globals): Promise<Channel> {
  try {
    return await reach(globals);
  } catch (error) {
    if (!isError(error, Code.Unavailable)) throw error;
    if (!globals.autostart || globals.addressGiven) throw unreachable(globals, error);
  }
  const { startDaemon } = await import("./autostart.ts");
  await startDaemon(globals.address);
  return await reach(globals);
}

function reach({ address, connectTimeout, signal }: Globals): Promise<Channel> {
  return dial(address, connectTimeout > 0 ? AbortSignal.timeout(connectTimeout) : signal);
}

function unreachable(globals: Globals, error: CtrError): CtrError {
  const advice = globals.addressGiven
    ? "is a daemon running there?"
    : `start one with "ctr daemon", or leave out --no-autostart`;
  const reason = messageOf(error).replace(/: unavailable$/, "");
  return unavailable(`cannot reach a daemon (${advice}): ${reason}`, { cause: error });
}
