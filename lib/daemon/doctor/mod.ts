/** `ctr doctor`: what is wrong with a host, a root and a state directory; and the cure for lost metadata. */
import { Code, CtrError, failedPrecondition, isError, messageOf } from "../../errors.ts";
import { damageOf } from "../../metadata/mod.ts";
import { lockFile } from "../../sys/mod.ts";
import { rebuildMetadata, type Rebuilt } from "../../transfer/mod.ts";
import { type Flags, loadConfig } from "../config.ts";
import { answers, type Finding } from "./finding.ts";
import { hostFindings } from "./host.ts";
import { leftoverFindings } from "./leftovers.ts";
import { askDaemon, orphanFindings } from "./orphans.ts";
import { strayFindings } from "./strays.ts";

export type { Finding } from "./finding.ts";

/** Looks at everything. Changes nothing, and needs no daemon; one that runs is asked what is its. */
export async function examine(flags: Flags): Promise<Finding[]> {
  const config = await configOf(flags);
  if ("level" in config) return [config];
  const { root, state, address } = config;
  const running = await answers(`${address}.ttrpc`);
  const known = running ? await askDaemon(address) : undefined;
  return [
    { level: "ok", subject: "daemon", text: `${running ? "serves" : "does not run"} at ${address}` },
    ...await hostFindings(root),
    await metadata(root),
    ...await leftoverFindings(root, state, running),
    ...await orphanFindings(config, known),
    ...await strayFindings(config, known),
  ];
}

async function configOf(flags: Flags) {
  try {
    return await loadConfig(flags);
  } catch (error) {
    const advice = "correct the configuration file, or name another with --config";
    return { level: "fail", subject: "configuration", text: messageOf(error), advice } satisfies Finding;
  }
}

async function metadata(root: string): Promise<Finding> {
  const damage = await damageOf(`${root}/metadata.kv`);
  if (!damage) return { level: "ok", subject: "metadata", text: `${root}/metadata.kv can be read` };
  const advice = `put a good copy in its place, or: ctr doctor --rebuild --root ${root}`;
  return { level: "fail", subject: "metadata", text: `${root}/metadata.kv: ${damage}`, advice };
}

/** How {@linkcode rebuild} is told. */
export interface RebuildRequest {
  readonly flags: Flags;
  readonly namespace: string;
  readonly snapshotter: string;
  /** Also where the metadata are in order. */
  readonly force: boolean;
  readonly onBlob?: (digest: string, n: number, of: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Makes the metadata of a root anew. Throws FailedPrecondition if a daemon has the root, or if there is nothing to
 * mend and `force` is not set; NotFound without a root.
 */
export async function rebuild({ flags, force, ...options }: RebuildRequest): Promise<Rebuilt> {
  const { root } = await loadConfig(flags);
  using _ = await lockRoot(root);
  if (!force && !await damageOf(`${root}/metadata.kv`)) {
    throw failedPrecondition(
      `the metadata of ${root} can be read: nothing to rebuild (--force does it all the same, and loses names)`,
    );
  }
  return await rebuildMetadata(root, options);
}

async function lockRoot(root: string): Promise<Disposable> {
  try {
    return await lockFile(`${root}/lock`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new CtrError(Code.NotFound, `there is no root ${root}`);
    if (!isError(error, Code.FailedPrecondition)) throw error;
    throw failedPrecondition(`a daemon has the root ${root}: end it first (${messageOf(error)})`, {
      cause: error,
    });
  }
}
