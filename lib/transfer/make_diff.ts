/** Making a layer of the difference between two sets of mounts, as a blob of the content store. */
import type { DiffRequest } from "../api/services/diff/v1/diff.ts";
import type { Info } from "../api/services/content/v1/content.ts";
import type { Descriptor } from "../api/types/descriptor.ts";
import type { Mount } from "../api/types/mount.ts";
import { type Compression, type LayerSource, type MadeLayer, NeedsMountError } from "../archive/mod.ts";
import {
  Code,
  CtrError,
  failedPrecondition,
  invalidArgument,
  isError,
  messageOf,
  unimplemented,
} from "../errors.ts";
import { parseBothMappings } from "../id_mappings.ts";
import { uncompressedLabel } from "../images/mod.ts";
import type { ContentStore } from "../metadata/mod.ts";
import type { Scope } from "../scope.ts";
import { withTempMount } from "../sys/mod.ts";
import type { LayerWorkers } from "./layer_workers.ts";
import { lowersOf, mapsLowers, readOnly, upperOf } from "./overlay_mounts.ts";

/** What this needs of the content store. */
export type DiffContent = Pick<ContentStore, "writer" | "abort" | "info" | "update">;

const GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
const compressions: Readonly<Record<string, Compression>> = {
  "application/vnd.oci.image.layer.v1.tar": "none",
  [GZIP]: "gzip",
  "application/vnd.oci.image.layer.v1.tar+zstd": "zstd",
  "application/vnd.docker.image.rootfs.diff.tar": "none",
  "application/vnd.docker.image.rootfs.diff.tar.gzip": "gzip",
  "application/vnd.docker.image.rootfs.diff.tar.zstd": "zstd",
};

/**
 * Makes the layer that leads from what the mounts `left` show to what `right` shows, and stores it; the digest of
 * its tar becomes its label. Throws Unimplemented for other media types than tars, Unavailable while somebody else
 * writes the same `ref`, and what makeLayer (lib/archive) throws.
 */
export async function makeDiff(
  content: DiffContent,
  workers: LayerWorkers,
  scope: Scope,
  request: DiffRequest,
  signal?: AbortSignal,
): Promise<Descriptor> {
  const mediaType = request.mediaType || GZIP;
  const compression = compressions[mediaType];
  if (!compression) throw unimplemented(`diff: layers of the media type ${JSON.stringify(mediaType)}`);
  if (request.right.length === 0) throw invalidArgument("diff: nothing mounted on the right side");
  const sourceDate = request.sourceDateEpoch && Number(request.sourceDateEpoch.seconds);
  const ref = request.ref || `diff-${crypto.randomUUID()}`;
  await using writer = await content.writer(scope, ref);
  try {
    await writer.truncate();
    const output = writer.dataPath;
    const made = await withTrees(
      request,
      (make) => workers.make({ make, output, compression, sourceDate }, { signal }),
    );
    const labels = { ...request.labels, [uncompressedLabel]: made.diffId };
    await writer.commit({ verified: made, labels }).catch((error) => {
      if (!isError(error, Code.AlreadyExists)) throw error;
    });
    await label(content, scope, made, labels);
    return { mediaType, digest: made.digest, size: BigInt(made.size), annotations: {} };
  } catch (error) {
    await writer.close();
    await content.abort(scope, ref).catch(() => {});
    throw error;
  }
}

/** A blob that was there before gets the labels that it hasn't yet. */
async function label(
  content: DiffContent,
  scope: Scope,
  { digest }: MadeLayer,
  labels: Record<string, string>,
): Promise<Info | undefined> {
  const info = content.info(scope, digest);
  const paths = Object.keys(labels).filter((key) => info.labels[key] === undefined);
  if (paths.length === 0) return undefined;
  return await content.update(scope, { digest, labels }, paths.map((key) => `labels.${key}`));
}

type Trees = Pick<DiffRequest, "left" | "right" | "leftOwners" | "rightOwners">;

/** Whose files a side's are. Throws InvalidArgument. */
const ownersOf = ({ uidMapping, gidMapping } = { uidMapping: "", gidMapping: "" }) =>
  parseBothMappings(uidMapping, gidMapping, { uids: "uid_mapping", gids: "gid_mapping" });

/** Runs `work` on the two trees: the right one's upper directory if it is an overlay on the left one, or both mounted. */
async function withTrees(
  trees: Trees,
  work: (source: LayerSource) => Promise<MadeLayer>,
): Promise<MadeLayer> {
  const { left, right } = trees;
  const owners = { lower: ownersOf(trees.leftOwners), upper: ownersOf(trees.rightOwners) };
  return await withMounted(left, async (lower) => {
    const upper = isOn(left, right) ? upperOf(right) : undefined;
    if (upper === undefined && mapsLowers(right)) {
      throw failedPrecondition(
        "diff: an overlay with mapped owners can be compared with what is below it alone",
      );
    }
    const mounted = () =>
      withMounted(right, (upper) => work({ lower, upper: upper!, form: "plain", owners }));
    if (upper === undefined) return await mounted();
    try {
      return await work({ lower, upper, form: "overlay", owners });
    } catch (error) {
      if (!(error instanceof NeedsMountError)) throw error;
      if (mapsLowers(right)) throw failedPrecondition(`${error.message}, below files with mapped owners`);
      return await mounted().catch((failure) => {
        throw explained(failure, error);
      });
    }
  });
}

/** The kernel refuses what an overlay mounted with other options has left: then its own words say too little. */
function explained(failure: unknown, why: NeedsMountError): unknown {
  if (!(failure instanceof CtrError)) return failure;
  return new CtrError(failure.code, `${messageOf(failure)} (${why.message})`, { cause: failure });
}

/** Whether an overlay's lower directories are what the left side shows: nothing else may be below. */
function isOn(left: readonly Mount[], right: readonly Mount[]): boolean {
  const [below, under] = [lowersOf(left), lowersOf(right)];
  return below !== undefined && under !== undefined && below.length === under.length &&
    below.every((path, n) => path === under[n]);
}

async function withMounted<T>(
  mounts: readonly Mount[],
  work: (dir: string | undefined) => Promise<T>,
): Promise<T> {
  if (mounts.length === 0) return await work(undefined);
  return await withTempMount(readOnly(mounts), work);
}
