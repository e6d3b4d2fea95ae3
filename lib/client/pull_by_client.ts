/**
 * Pulling for a daemon without a Transfer service (containerd before 1.7): we fetch, the daemon stores and
 * unpacks. A lease holds what arrives until the image's name does.
 */
import { ImagesDefinition } from "../api/services/images/v1/images.ts";
import type { Descriptor as WireDescriptor } from "../api/types/descriptor.ts";
import { Code, isError, notFound } from "../errors.ts";
import {
  childLabels,
  childrenOf,
  defaultPlatform,
  type Descriptor,
  type Manifest,
  parseDocument,
  parsePlatform,
  type Platform,
  sourceLabel,
  sourceLabelName,
  suitable,
} from "../images/mod.ts";
import { inLanes } from "../push/mod.ts";
import { openBlob, Remote } from "../remotes/mod.ts";
import type { CallOptions } from "../rpc/service.ts";
import { ContentClient } from "./content.ts";
import { createLease, type Lease } from "./lease.ts";
import type { PullOptions } from "./pull.ts";
import { type OwnAccess, remoteOptionsOf } from "./registry_access.ts";
import type { Services } from "./services.ts";
import { unpackByClient } from "./unpack_by_client.ts";

/** Manifests within indexes, at most. */
const deepest = 8;

/** One pull: where from, where to, and what its calls have in common. */
export interface LocalPull {
  readonly remote: Remote;
  readonly services: Services;
  readonly content: ContentClient;
  readonly platform: Platform;
  readonly lease: Lease;
  readonly call: CallOptions;
  /** Tells the caller what becomes of a layer, by the words of the Transfer service. */
  report(event: string, layer: Descriptor, done: number): void;
}

/** What only a client can be told. */
export interface LocalPullOptions extends PullOptions, Pick<OwnAccess, "ownDirs"> {
  readonly maxConcurrentDownloads?: number;
}

/** Pulls `reference`, all layers at once unless said, and gives it its name. */
export async function pullByClient(
  services: Services,
  reference: string,
  options: LocalPullOptions,
): Promise<void> {
  const { platform, unpack = "overlayfs", onProgress, signal } = options;
  await using lease = await createLease(services, { signal });
  const pull: LocalPull = {
    remote: await remoteFor(services, reference, options),
    services,
    content: new ContentClient(services),
    platform: platform ? parsePlatform(platform) : defaultPlatform(),
    lease,
    call: { lease: lease.id, signal },
    report(event, { mediaType, digest, size }, done) {
      const desc = { mediaType, digest, size: BigInt(size), annotations: {} };
      const numbers = { progress: BigInt(done), total: BigInt(size) };
      onProgress?.({ event, name: `layer-${digest}`, parents: [], ...numbers, desc });
    },
  };
  const target = await pull.remote.resolve(signal);
  const manifest = await fetchTree(pull, { ...target, size: Number(target.size) }, deepest);
  if (!manifest) throw notFound(`${reference}: no manifest for the platform`);
  const lanes = options.maxConcurrentDownloads || manifest.layers.length;
  await inLanes(manifest.layers, { lanes, signal }, (layer) => fetchLayer(pull, layer));
  if (unpack) await unpackByClient(pull, manifest, unpack);
  await nameImage(pull, reference, target, options.labels ?? {});
}

async function remoteFor(services: Services, reference: string, options: LocalPullOptions): Promise<Remote> {
  const { credentials, plainHttp = false, hostsDir = "", ownDirs, log } = options;
  const access = { credentials, plainHttp, hostsDir, ownDirs, log };
  return new Remote(reference, await remoteOptionsOf(services, access));
}

/** Stores the documents from an index down to the manifest for the platform, children held first. */
async function fetchTree(pull: LocalPull, target: Descriptor, depth: number): Promise<Manifest | undefined> {
  const bytes = await fetchDocument(pull, target);
  const document = parseDocument(bytes, target);
  let found: Manifest | undefined;
  if (document.kind === "manifest") {
    found = document;
    for (const child of childrenOf(document)) await hold(pull, child);
    await store(pull, "config", [await fetchDocument(pull, document.config)], document.config);
  } else if (depth > 0) {
    for (const child of suitable(pull.platform, document.manifests)) {
      found = await fetchTree(pull, child, depth - 1);
      if (found) break;
    }
  }
  if (found) {
    await hold(pull, target);
    const prefix = document.kind === "manifest" ? "manifest" : "index";
    await store(pull, prefix, [bytes], target, childLabels(document));
  }
  return found;
}

const fetchDocument = ({ remote, call }: LocalPull, target: Descriptor) =>
  remote.fetch({ ...target, size: BigInt(target.size) }, call.signal);

/** Before a blob is looked for, so that one which is there can't be collected in between. */
const hold = ({ lease, call }: LocalPull, { digest }: Descriptor) =>
  lease.add({ id: digest, type: "content" }, call);

async function fetchLayer(pull: LocalPull, layer: Descriptor): Promise<void> {
  const { content, remote, call, report } = pull;
  const have = await content.info(layer.digest, call).catch(unlessMissing);
  if (have) {
    const before = have.labels[sourceLabelName(remote.reference)];
    await content.label(layer.digest, sourceLabel(remote.reference, before), call);
    return report("already exists", layer, layer.size);
  }
  report("waiting", layer, 0);
  const body = await openBlob(
    remote.blob({ ...layer, size: BigInt(layer.size) }),
    0,
    call.signal,
    remote.log,
  );
  await store(pull, "layer", counted(body, (done) => report("downloading", layer, done)), layer);
  report("complete", layer, layer.size);
}

async function* counted(body: AsyncIterable<Uint8Array>, tell: (done: number) => void) {
  let done = 0;
  for await (const chunk of body) {
    yield chunk;
    tell(done += chunk.length);
  }
}

/** Writes a blob, and labels it also if it was there before: without labels its children would be collected. */
async function store(
  { content, remote, call }: LocalPull,
  prefix: string,
  data: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { digest, size }: Descriptor,
  children: Record<string, string> = {},
): Promise<void> {
  await content.write(`${prefix}-${digest}`, data, { ...call, expected: digest, size });
  const { labels } = await content.info(digest, call);
  const before = labels[sourceLabelName(remote.reference)];
  await content.label(digest, { ...children, ...sourceLabel(remote.reference, before) }, call);
}

async function nameImage(
  pull: LocalPull,
  name: string,
  target: WireDescriptor,
  labels: Record<string, string>,
) {
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
