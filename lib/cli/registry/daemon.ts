/** The daemon's view of registries; where none runs, what a daemon's would be that were started now. */
import {
  askRegistry,
  type RegistryQuestion,
  registryRequest,
  type RegistryResponse,
} from "../../client/registry.ts";
import { Code, isError } from "../../errors.ts";
import type { Call } from "../command.ts";
import { connect, type Daemon } from "../connect.ts";

/** Somebody who knows how registries are reached. */
export interface Knower extends AsyncDisposable {
  /** Who, for messages. */
  readonly name: string;
  /** The daemon, if one runs. */
  readonly daemon: Daemon | undefined;
  ask(question: RegistryQuestion): Promise<RegistryResponse>;
}

/** The daemon if it runs and is ours, else this process. Starts none. */
export async function knower({ globals }: Call): Promise<Knower> {
  const daemon = await connect({ globals: { ...globals, autostart: false } }).catch(unlessUnavailable);
  if (daemon && await isOurs(daemon)) {
    return {
      name: `the daemon at ${globals.address}`,
      daemon,
      ask: (question) => askRegistry(daemon, question, globals.signal),
      [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
    };
  }
  await daemon?.[Symbol.asyncDispose]();
  const why = daemon ? "the daemon is not Longshore's" : "no daemon can be reached";
  return {
    name: `this command (${why})`,
    daemon: undefined,
    ask: askOurselves,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function unlessUnavailable(error: unknown): undefined {
  if (!isError(error, Code.Unavailable)) throw error;
}

async function isOurs(daemon: Daemon): Promise<boolean> {
  try {
    await askRegistry(daemon, { host: "", hostsDir: "", plainHttp: false });
    return true;
  } catch (error) {
    if (isError(error, Code.Unimplemented)) return false;
    throw error;
  }
}

/** The directories of hosts.toml files that count beside a daemon: its own, or this host's if it isn't ours. */
export async function registryDirsFor(daemon: Daemon): Promise<readonly string[]> {
  const question = { host: "", hostsDir: "", plainHttp: false };
  try {
    return (await askRegistry(daemon, question)).dirs;
  } catch (error) {
    if (!isError(error, Code.Unimplemented)) throw error;
    return (await askOurselves(question)).dirs;
  }
}

async function askOurselves(question: RegistryQuestion): Promise<RegistryResponse> {
  const [{ loadConfig, registryDirs }, { registryReport }] = await Promise.all([
    import("../../daemon/mod.ts"),
    import("../../remotes/mod.ts"),
  ]);
  const { plugins } = await loadConfig({});
  return await registryReport(registryDirs(plugins), registryRequest(question), new AbortController().signal);
}
