/** `ctr images pull` */
import type { Progress } from "../../api/types/transfer/progress.ts";
import { Code, isError } from "../../errors.ts";
import { required } from "../arguments.ts";
import { type Call, usageError } from "../command.ts";
import { connect, type Daemon } from "../connect.ts";
import { defaultSnapshotter } from "../flags.ts";
import { parseLabels } from "../output/labels.ts";
import { hostPlatform, parsePlatform, platformText } from "../output/platforms.ts";
import { print } from "../output/print.ts";
import { showProgress } from "../output/progress.ts";
import { chainIdOf, diffIdsOf, manifestFor } from "./contents.ts";
import { findImage } from "./lookup.ts";
import { canonicalReference } from "./reference.ts";
import { type OpenAccess, registryAccess } from "../registry/access.ts";
import { type Pull, type RegistryAccess, transferPull } from "../../client/transfer.ts";

export async function run(call: Call): Promise<void> {
  const { reference, platforms } = await pull(call, { unpack: !call.flags.on("no-unpack") });
  if (!call.flags.on("print-chainid")) return;
  await using daemon = await connect(call);
  const image = await findImage(daemon, reference);
  for (const platform of platforms.length ? platforms : [hostPlatform()]) {
    const chainId = await chainIdOf(
      await diffIdsOf(daemon, await manifestFor(daemon, image.target!, platform)),
    );
    print(`image chain ID: ${chainId}${platforms.length > 1 ? ` (${platformText(platform)})` : ""}\n`);
  }
}

/** Pulls what a command's arguments and flags say, and shows how it goes. */
export async function pull(call: Call, { unpack }: { unpack: boolean }): Promise<Pull> {
  const [name] = required(call, "an image reference to pull");
  const wanted = wantedOf(call, unpack);
  const reference = await canonicalReference(name);
  if (reference !== name) print(`${name} is ${reference}\n`);
  await using daemon = await connect(call);
  await using access = await registryAccess(daemon, call.flags, reference);
  const pull = { ...access, ...wanted };
  using progress = showProgress();
  const lanes = wholeNumber(call, "max-concurrent-downloads");
  const onProgress = (update: Progress) => progress.update(update);
  // The Transfer service has no word for the number of downloads.
  if (call.flags.on("local") || lanes > 0) {
    const { pullLocally } = await import("./pull_locally.ts");
    await pullLocally(daemon, pull, onProgress, lanes);
  } else await pullImage(daemon, pull, onProgress);
  progress.finish();
  return pull;
}

/** Pulls: by the daemon if it can, else by ourselves. */
export async function pullImage(
  daemon: Daemon,
  pull: Pull & Pick<OpenAccess, "ownDirs">,
  onProgress: (update: Progress) => void,
): Promise<void> {
  try {
    await transferPull(daemon, pull, onProgress);
  } catch (error) {
    if (!isError(error, Code.Unimplemented)) throw error;
    const { pullLocally } = await import("./pull_locally.ts");
    await pullLocally(daemon, pull, onProgress);
  }
}

function wholeNumber({ flags }: Call, name: string): number {
  const text = flags.text(name) || "0";
  if (!/^\d{1,6}$/.test(text)) throw usageError(`--${name}: ${JSON.stringify(text)} is not a number`);
  return Number(text);
}

function wantedOf({ flags }: Call, unpack: boolean): Omit<Pull, keyof RegistryAccess> {
  const all = flags.on("all-platforms");
  if (all && flags.has("platform")) {
    throw usageError("--all-platforms and --platform cannot be specified together");
  }
  return {
    platforms: all
      ? []
      : flags.has("platform")
      ? flags.list("platform").map(parsePlatform)
      : [hostPlatform()],
    everyPlatform: all,
    allMetadata: flags.on("all-metadata"),
    labels: parseLabels(flags.list("label")),
    snapshotter: unpack ? flags.text("snapshotter") || defaultSnapshotter : undefined,
    noSync: flags.on("no-sync"),
    discardUnpackedLayers: flags.on("discard-unpacked-layers"),
  };
}
