/**
 * The protocol between containerd and the executable of a shim: `start` prints where the new shim (or one that
 * serves for several containers) listens, `delete` removes what a dead one has left. Source: containerd's
 * core/runtime/v2/README.md.
 */
import { Any } from "../api/google/protobuf/any.ts";
import { DeleteResponse } from "../api/runtime/task/v2/shim.ts";
import { Code, CtrError, unimplemented } from "../errors.ts";
import type { TaskPlace } from "./shim.ts";

/** Who serves a task, as `start` has told, and which executable that was. Kept in the bundle. */
export interface Bootstrap {
  /** Of the task service: 2 or 3. */
  readonly version: number;
  /** Path of its socket. */
  readonly socket: string;
  readonly protocol?: "ttrpc" | "grpc";
  /** Empty for one that somebody else has started, and ends. */
  readonly binary: string;
}

/** The daemon's addresses, which a shim is told. */
export interface DaemonAddress {
  readonly grpc: string;
  readonly ttrpc: string;
}

const FILE = "bootstrap.json";
/** The newest task service that we speak. */
const NEWEST = 3;

/** Has the executable start a shim for a task. Throws Unknown with what it said, if it fails. */
export async function startShim(
  place: TaskPlace,
  { binary, options }: { binary: string; options: Any | undefined },
  daemon: DaemonAddress,
): Promise<Bootstrap> {
  const stdin = options?.typeUrl ? Any.encode(options).finish() : new Uint8Array();
  const said = new TextDecoder().decode(await run(place, binary, daemon, { args: ["start"], stdin }));
  const bootstrap = { ...parseAnswer(said.trim(), binary), binary };
  await writeBootstrap(place, bootstrap);
  return bootstrap;
}

/** Keeps it in the bundle. */
export async function writeBootstrap({ bundle }: TaskPlace, bootstrap: Bootstrap): Promise<void> {
  await Deno.writeTextFile(`${bundle}/${FILE}`, JSON.stringify(bootstrap), { mode: 0o600 });
}

/** Has the executable remove what a dead shim has left of a task; gives how the task ended. */
export async function cleanUpAfterShim(
  place: TaskPlace,
  binary: string,
  daemon: DaemonAddress,
): Promise<DeleteResponse> {
  const args = ["-bundle", place.bundle, "delete"];
  return DeleteResponse.decode(await run(place, binary, daemon, { args, stdin: new Uint8Array() }));
}

/** Who served the task of a bundle; undefined if that was the built-in shim. */
export async function readBootstrap(bundle: string): Promise<Bootstrap | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(`${bundle}/${FILE}`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Reads what `start` has printed: an address alone (version 2), or JSON with version, address and protocol. Throws
 * Unimplemented for what is not ours to speak, naming `whose` it is.
 */
export function parseAnswer(said: string, whose: string): Omit<Bootstrap, "binary"> {
  const { version = 2, address = said, protocol } = said.startsWith("{") ? parseJson(said, whose) : {};
  const socket = String(address).replace(/^unix:\/\//, "");
  const spoken = protocol || "ttrpc";
  if (
    spoken !== "ttrpc" && spoken !== "grpc" || !socket.startsWith("/") ||
    typeof version !== "number" || version < 2 || version > NEWEST
  ) {
    throw unimplemented(`${whose} serves version ${version} by ${spoken} at ${JSON.stringify(address)}`);
  }
  return { version, socket, protocol: spoken };
}

function parseJson(
  said: string,
  whose: string,
): { version?: unknown; address?: unknown; protocol?: unknown } {
  try {
    return JSON.parse(said);
  } catch {
    throw new CtrError(Code.Unknown, `${whose} start: it says ${JSON.stringify(said.slice(0, 200))}`);
  }
}

async function run(
  { namespace, id, bundle }: TaskPlace,
  binary: string,
  { grpc, ttrpc }: DaemonAddress,
  { args, stdin }: { args: string[]; stdin: Uint8Array },
): Promise<Uint8Array> {
  const child = new Deno.Command(binary, {
    args: ["-namespace", namespace, "-address", grpc, "-publish-binary", "", "-id", id, ...args],
    cwd: bundle,
    env: {
      TTRPC_ADDRESS: ttrpc,
      GRPC_ADDRESS: grpc,
      NAMESPACE: namespace,
      MAX_SHIM_VERSION: String(NEWEST),
      GOMAXPROCS: "4",
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [{ success, code, stdout, stderr }] = await Promise.all([child.output(), feed(child.stdin, stdin)]);
  if (success) return stdout;
  const said = new TextDecoder().decode(stderr).trim() || new TextDecoder().decode(stdout).trim();
  throw new CtrError(Code.Unknown, `${binary} ${args.at(-1)}: ${said || `exit status ${code}`}`);
}

/** Who has not read its input may have ended well all the same. */
async function feed(to: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = to.getWriter();
  await writer.write(bytes).then(() => writer.close()).catch(() => {});
}
