/**
 * What a container starts with, by the calls that containerd has: with its daemon, for an image that has to be found
 * by another name or pulled, and for user namespaces.
 */
import { createLease } from "../../client/lease.ts";
import type { Call } from "../command.ts";
import type { Daemon } from "../connect.ts";
import { chainIdOf, manifestFor, readJson } from "../images/contents.ts";
import { hostPlatform, parsePlatform } from "../output/platforms.ts";
import { imageToRun } from "./image.ts";
import type { Prepared, SnapshotWish } from "./prepare.ts";
import { prepareFor } from "./user_namespace.ts";

export async function prepareByCalls(
  daemon: Daemon,
  call: Call,
  name: string,
  snapshot: SnapshotWish,
): Promise<Prepared> {
  const { flags } = call;
  const { name: found, labels, target } = await imageToRun(daemon, call, name);
  const platform = flags.text("platform") ? parsePlatform(flags.text("platform")) : hostPlatform();
  const manifest = await manifestFor(daemon, target!, platform);
  const { config = {}, rootfs } = await readJson(daemon, manifest.config);
  const parent = await chainIdOf(rootfs?.diff_ids ?? []);
  const lease = await createLease(daemon);
  try {
    const mounts = await prepareFor(daemon, flags, { ...snapshot, parent }, lease.id);
    return { image: { name: found, labels }, config, mounts, lease: lease.id };
  } catch (error) {
    await lease[Symbol.asyncDispose]().catch(() => {});
    throw error;
  }
}
