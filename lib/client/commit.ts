/** An image of a container: its image's layers, and one more with what has changed in it since. */
import { ContainersDefinition } from "../api/services/containers/v1/containers.ts";
import type { Image as ImageRecord } from "../api/services/images/v1/images.ts";
import { ImagesDefinition } from "../api/services/images/v1/images.ts";
import { SnapshotsDefinition } from "../api/services/snapshots/v1/snapshots.ts";
import { failedPrecondition } from "../errors.ts";
import {
  chainIds,
  defaultPlatform,
  type Manifest,
  manifestFor,
  MediaType,
  parseConfig,
  parseDocument,
  uncompressedLabel,
} from "../images/mod.ts";
import { type IdMappings, mappingsOf } from "../id_mappings.ts";
import type { CallOptions } from "../rpc/service.ts";
import { ContentClient } from "./content.ts";
import { diffSnapshot, sourceDateOf } from "./diff.ts";
import { type Json, storeJson } from "./documents.ts";
import { createLease, type Lease } from "./lease.ts";
import { dockerType, type LayerCompression, withCompression } from "./media_types.ts";
import { nameImage } from "./name_image.ts";
import { whilePaused } from "./pause.ts";
import { remappedName } from "./remapped_snapshot.ts";
import type { Services } from "./services.ts";
import { userNamespaceOf } from "./user_namespace.ts";
import { unpackByClient } from "./unpack_by_client.ts";

/** What a committed image says of itself. */
export interface CommitOptions extends CallOptions {
  readonly author?: string;
  /** A word on the change, for the image's history. */
  readonly message?: string;
  /** Of the new layer; gzip unless said. */
  readonly compression?: LayerCompression;
  /** Whether its task is paused meanwhile, if it runs; true unless said. Without it files may be half written. */
  readonly pause?: boolean;
  /** Labels of the image's record. */
  readonly labels?: Record<string, string>;
  /** Changes to what the image says of its containers: Cmd, Env, WorkingDir, ... (OCI image spec, config). */
  readonly config?: Record<string, unknown>;
  /** Latest time of any file in the layer, and time of the image, in seconds; SOURCE_DATE_EPOCH unless said. */
  readonly sourceDate?: number;
}

const largest = 8 << 20;
const layerType = "application/vnd.oci.image.layer.v1.tar";

/** What a commit starts from. */
interface Base {
  readonly manifest: Manifest;
  /** Manifest and config with all their fields. */
  readonly json: Json;
  readonly config: Json;
  readonly diffIds: readonly string[];
  readonly mediaType: string;
}

/** One commit: the daemon, and a lease that holds what is made until the image's record does. */
interface Commit {
  readonly services: Services;
  readonly content: ContentClient;
  readonly lease: Lease;
  readonly call: CallOptions;
}

/**
 * Commits the container `id` as the image `name`, which is made, or made another, and unpacked. Gives its record.
 * @throws NotFound without the container or its image, FailedPrecondition if it isn't on top of its image's layers
 */
export async function commitContainer(
  services: Services,
  id: string,
  name: string,
  options: CommitOptions = {},
): Promise<ImageRecord> {
  const { author, message, compression = "gzip", pause = true, labels: imageLabels = {}, config, ...rest } =
    options;
  const { sourceDate = sourceDateOf(), ...asked } = rest;
  await using lease = await createLease(services, asked);
  const commit = {
    services,
    content: new ContentClient(services),
    lease,
    call: { ...asked, lease: lease.id },
  };
  const container = (await services.stub(ContainersDefinition).get({ id }, asked)).container!;
  if (!container.image || !container.snapshotKey) {
    throw failedPrecondition(`container ${id} was not made of an image: there is nothing to commit to`);
  }
  const { snapshotter, snapshotKey } = container;
  const base = await baseOf(commit, container.image);
  const inside = userNamespaceOf(container);
  const owners = await checkParent(commit, id, { snapshotter, key: snapshotKey }, base, inside);
  const mediaType = layerTypeFor(base, compression);
  const diff = () =>
    diffSnapshot(services, snapshotKey, { snapshotter, mediaType, sourceDate, owners, ...commit.call });
  const layer = await (pause ? whilePaused(services, id, asked, diff) : diff());
  const { labels } = await commit.content.info(layer.digest, commit.call);
  const diffId = labels[uncompressedLabel] ?? layer.digest;
  const said = { author, message, config, sourceDate, command: commandOf(container.spec?.value) };
  const target = await describe(commit, base, { ...layer, size: Number(layer.size) }, diffId, said);
  const document = parseDocument(await commit.content.readAll(undefined, target.digest, largest), target);
  await unpackByClient({ ...commit, report() {} }, document as Manifest, snapshotter);
  return await nameImage(services, name, target, imageLabels, commit.call);
}

async function baseOf({ services, content, call }: Commit, name: string): Promise<Base> {
  const { image } = await services.stub(ImagesDefinition).get({ name }, call);
  const { target, manifest } = await manifestFor(
    content,
    { namespace: "" },
    image!.target!,
    defaultPlatform(),
  );
  const json = JSON.parse(new TextDecoder().decode(await content.readAll(undefined, target.digest, largest)));
  const bytes = await content.readAll(undefined, manifest.config.digest, largest);
  const { diffIds } = parseConfig(bytes, manifest.config.digest);
  return {
    manifest,
    json,
    config: JSON.parse(new TextDecoder().decode(bytes)),
    diffIds,
    mediaType: target.mediaType,
  };
}

/**
 * The name may stand for another image by now, on whose layers the change would make no sense. Gives the user namespace
 * of a container that is on top of a copy of the layers, with their files' owners in there.
 */
async function checkParent(
  { services, call }: Commit,
  id: string,
  snapshot: { snapshotter: string; key: string },
  { diffIds }: Base,
  inside: IdMappings | undefined,
): Promise<IdMappings | undefined> {
  const { info } = await services.stub(SnapshotsDefinition).stat(snapshot, call);
  const top = chainIds(diffIds).at(-1) ?? "";
  if (info!.parent === top) {
    if (!inside || mappingsOf(info!.labels)) return undefined;
    throw failedPrecondition(
      `container ${id} has a user namespace, but its files belong to the host's users`,
    );
  }
  if (inside && info!.parent === await remappedName(top, inside)) return inside;
  throw failedPrecondition(`container ${id} is on top of ${info!.parent}, its image has become ${top} since`);
}

function layerTypeFor({ mediaType }: Base, compression: LayerCompression): string {
  const type = withCompression(layerType, compression);
  return mediaType === MediaType.dockerManifest ? dockerType(type) : type;
}

/** Stores config and manifest of the new image. */
async function describe(
  { content, call }: Commit,
  base: Base,
  layer: { mediaType: string; digest: string; size: number },
  diffId: string,
  { author = "", message = "", config = {}, sourceDate, command }: CommitOptions & { command: string },
) {
  const created = new Date(sourceDate === undefined ? Date.now() : sourceDate * 1000).toISOString();
  const history = {
    created,
    created_by: command,
    ...(author && { author }),
    ...(message && { comment: message }),
  };
  const newConfig = {
    ...base.config,
    created,
    ...(author && { author }),
    config: { ...base.config.config, ...config },
    rootfs: { type: "layers", diff_ids: [...base.diffIds, diffId] },
    history: [...base.config.history ?? [], history],
  };
  const own = await storeJson(content, newConfig, base.manifest.config.mediaType, {}, call);
  const { mediaType, digest, size } = layer;
  const manifest = {
    ...base.json,
    mediaType: base.mediaType,
    config: { ...base.json.config, digest: own.digest, size: own.size },
    layers: [...base.json.layers, { mediaType, digest, size }],
  };
  return await storeJson(content, manifest, base.mediaType, {}, call);
}

/** What the container ran, as far as its spec says it. */
function commandOf(spec: Uint8Array | undefined): string {
  if (!spec) return "";
  const args = (JSON.parse(new TextDecoder().decode(spec)) as Json).process?.args;
  return Array.isArray(args) ? args.join(" ") : "";
}
