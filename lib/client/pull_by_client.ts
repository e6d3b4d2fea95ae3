/**
 * Pulling for a daemon without a Transfer service (containerd before 1.7): we fetch, the daemon stores and
 * unpacks. A lease holds what arrives until the image's name does.
 */
import { DiffDefinition } from "../api/services/diff/v1/diff.ts";
import { ImagesDefinition } from "../api/services/images/v1/images.ts";
import { SnapshotsDefinition } from "../api/services/snapshots/v1/snapshots.ts";
import type { Descriptor as WireDescriptor } from "../api/types/descriptor.ts";
import { Code, isError, notFound } from "../errors.ts";
import {
  chainIds,
  childLabels,
  defaultPlatform,
  type Descriptor,
  type Manifest,
  parseConfig,
  parseDocument,
  parsePlatform,
  type Platform,
  snapshotLabel,
  sourceLabel,
  suitable,
} from "../images/mod.ts";
import { defaultHosts, openBlob, Remote } from "../remotes/mod.ts";
import type { CallOptions } from "../rpc/service.ts";
import { ContentClient } from "./content.ts";
import { createLease } from "./lease.ts";
import type { PullOptions } from "./pull.ts";
import type { Services } from "./services.ts";

/** Manifests within indexes, at most. */
const deepest = 8;

/** One pull: where from, where to, and what its calls have in common. */
interface Pull {
  readonly remote: Remote;
  readonly services: Services;
  readonly content: ContentClient;
  readonly platform: Platform;
  readonly call: CallOptions;
}

/** Pulls `reference` and gives it its name. */
export async function pullByClient(
  services: Services,
  _namespace: string,
  reference: string,
  options: PullOptions,
): Promise<void> {
  const { platform, unpack = "overlayfs", signal } = options;
  await using lease = await createLease(services, { signal });
  const pull: Pull = {
    remote: remoteFor(reference, options),
    services,
    content: new ContentClient(services),
    platform: platform ? parsePlatform(platform) : defaultPlatform(),
    call: { lease: lease.id, signal },
  };
  const target = await pull.remote.resolve(signal);
  const manifest = await fetchTree(pull, { ...target, size: Number(target.size) }, deepest);
  if (!manifest) throw notFound(`${reference}: no manifest for the platform`);
  await Promise.all(manifest.layers.map((layer) => fetchLayer(pull, layer)));
  if (unpack) await unpackImage(pull, manifest, unpack);
  await nameImage(pull, reference, target, options.labels ?? {});
}

function remoteFor(reference: string, { credentials, plainHttp }: PullOptions): Remote {
  const given = credentials &&
    ("refresh" in credentials
      ? { refreshToken: credentials.refresh }
      : { username: credentials.user, secret: credentials.password });
  return new Remote(reference, {
    hosts: defaultHosts({ plainHttp }),
    credentials: given && (() => Promise.resolve(given)),
  });
}

/** Stores the documents from an index down to the manifest for the platform, children labelled first. */
async function fetchTree(pull: Pull, target: Descriptor, depth: number): Promise<Manifest | undefined> {
  const bytes = await pull.remote.fetch({ ...target, size: BigInt(target.size) }, pull.call.signal);
  const document = parseDocument(bytes, target);
  let found: Manifest | undefined;
  if (document.kind === "manifest") {
    found = document;
    await fetchDocument(pull, document.config, "config");
  } else if (depth > 0) {
    for (const child of suitable(pull.platform, document.manifests)) {
      found = await fetchTree(pull, child, depth - 1);
      if (found) break;
    }
  }
  if (found) {
    const labels = { ...childLabels(document), ...sourceLabel(pull.remote.reference) };
    const prefix = document.kind === "manifest" ? "manifest" : "index";
    await store(pull, `${prefix}-${target.digest}`, [bytes], target, labels);
  }
  return found;
}

async function fetchDocument(pull: Pull, target: Descriptor, prefix: string): Promise<void> {
  const bytes = await pull.remote.fetch({ ...target, size: BigInt(target.size) }, pull.call.signal);
  await store(pull, `${prefix}-${target.digest}`, [bytes], target, sourceLabel(pull.remote.reference));
}

async function fetchLayer(pull: Pull, layer: Descriptor): Promise<void> {
  const have = await pull.content.info(layer.digest, pull.call).catch(unlessMissing);
  if (have) return;
  const request = pull.remote.blob({ ...layer, size: BigInt(layer.size) });
  const body = await openBlob(request, 0, pull.call.signal);
  await store(pull, `layer-${layer.digest}`, body, layer, sourceLabel(pull.remote.reference));
}

async function store(
  { content, call }: Pull,
  ref: string,
  data: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { digest, size }: Descriptor,
  labels: Record<string, string>,
): Promise<void> {
  await content.write(ref, data, { ...call, expected: digest, size, labels });
}

/** Unpacks layer by layer, each on top of the one before; layers whose snapshot is there are passed over. */
async function unpackImage(pull: Pull, manifest: Manifest, snapshotter: string): Promise<void> {
  const bytes = await pull.content.readAll(undefined, manifest.config.digest, 8 << 20);
  const chain = chainIds(parseConfig(bytes, manifest.config.digest).diffIds);
  for (const [n, layer] of manifest.layers.entries()) {
    await unpackLayer(pull, layer, snapshotter, chain[n]!, chain[n - 1] ?? "");
  }
  const top = chain.at(-1);
  if (top) await pull.content.label(manifest.config.digest, { [snapshotLabel(snapshotter)]: top }, pull.call);
}

async function unpackLayer(pull: Pull, layer: Descriptor, snapshotter: string, name: string, parent: string) {
  const snapshots = pull.services.stub(SnapshotsDefinition);
  if (await snapshots.stat({ snapshotter, key: name }, pull.call).catch(unlessMissing)) return;
  const key = `extract-${crypto.randomUUID()} ${name}`;
  const { mounts } = await snapshots.prepare({ snapshotter, key, parent }, pull.call);
  try {
    const diff = {
      mediaType: layer.mediaType,
      digest: layer.digest,
      size: BigInt(layer.size),
      annotations: {},
    };
    await pull.services.stub(DiffDefinition).apply({ diff, mounts }, pull.call);
    await snapshots.commit({ snapshotter, name, key }, pull.call);
  } catch (error) {
    await snapshots.remove({ snapshotter, key }).catch(unlessMissing);
    // Somebody else unpacked the same layer meanwhile.
    if (!isError(error, Code.AlreadyExists)) throw error;
  }
}

async function nameImage(pull: Pull, name: string, target: WireDescriptor, labels: Record<string, string>) {
  const images = pull.services.stub(ImagesDefinition);
  const image = { name, labels, target, createdAt: undefined, updatedAt: undefined };
  try {
    await images.create({ image }, pull.call);
  } catch (error) {
    if (!isError(error, Code.AlreadyExists)) throw error;
    await images.update({ image }, pull.call);
  }
}

function unlessMissing(error: unknown): undefined {
  if (!isError(error, Code.NotFound)) throw error;
}
