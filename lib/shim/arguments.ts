/** The shim's command line. */
import { invalidArgument } from "../errors.ts";

export interface ShimArguments {
  /** The daemon's state directory. */
  readonly state: string;
  /** The daemon's ttrpc socket, which takes events. */
  readonly address: string;
  /**
   * Seconds that it stays after the last container is gone, for those that may come; 0: it goes when it is told
   * to and has none.
   */
  readonly linger: number;
  /** The cgroup that it is to be in, as a path below each hierarchy; empty for where its starter is. */
  readonly cgroup: string;
  /** The only bundle whose container is its business; empty for all below the state directory. */
  readonly bundle: string;
}

/** Where the shim of a daemon listens. */
export const shimSocket = (state: string) => `${state}/shim/shim.sock`;

/** What the shim writes to its standard output when it serves. */
export const READY = "ready\n";

/**
 * Reads `--state DIR --address SOCK [--linger SECONDS] [--cgroup PATH] [--bundle DIR]` (or `--name=value`). Throws
 * InvalidArgument.
 */
export function parseArguments(args: readonly string[]): ShimArguments {
  const values: Record<string, string> = {};
  for (let n = 0; n < args.length; n++) {
    const [, name, value] = /^--(state|address|linger|cgroup|bundle)(?:=(.*))?$/s.exec(args[n]!) ?? [];
    if (!name) throw invalidArgument(`shim: ${args[n]}`);
    values[name] = value ?? args[++n] ?? "";
  }
  const { state, address, linger = "0", cgroup = "", bundle = "" } = values;
  if (!state?.startsWith("/")) throw invalidArgument("shim: --state must be an absolute path");
  if (!address) throw invalidArgument("shim: --address is needed");
  if (!/^\d{1,6}$/.test(linger)) throw invalidArgument(`shim: --linger ${linger} is not a number of seconds`);
  return { state, address, linger: Number(linger), cgroup, bundle };
}
