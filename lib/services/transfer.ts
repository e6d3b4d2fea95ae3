/** containerd.services.transfer.v1.Transfer: images from one place to another, told by their kinds. */
import type { Any } from "../api/google/protobuf/any.ts";
import { TransferDefinition } from "../api/services/transfer/v1/transfer.ts";
import { ImageStore } from "../api/types/transfer/imagestore.ts";
import { ImageExportStream, ImageImportStream } from "../api/types/transfer/importexport.ts";
import { Progress } from "../api/types/transfer/progress.ts";
import { invalidArgument, unimplemented } from "../errors.ts";
import { anyOf, nameOf } from "../rpc/any.ts";
import { requireNamespace } from "../rpc/context.ts";
import { type Service, service } from "../rpc/service.ts";
import type { Scope } from "../scope.ts";
import { progressText, type RegistryRequest, type Transfer, type TransferOptions } from "../transfer/mod.ts";
import type { Streams } from "./streaming.ts";
import { exportArchive, importArchive } from "./transfer_archive.ts";
import { withRegistry } from "./transfer_registry.ts";

const PREFIX = "containerd.types.transfer.";

/**
 * The transfer service. Of the pairs there are, it has registry to store (pull), store to registry (push), archive
 * to store (import), store to archive (export) and store to store (tag).
 */
export function transferService(transfer: Transfer, streams: Streams): Service {
  return service(TransferDefinition, {
    transfer: async ({ source, destination, options }, context) => {
      const scope = requireNamespace(context);
      if (!source || !destination) throw invalidArgument("transfer needs a source and a destination");
      const stream = options?.progressStream ? streams.get(scope, options.progressStream) : undefined;
      const onProgress = stream &&
        ((progress: Progress) => stream.send(anyOf(`${PREFIX}Progress`, Progress, progress)));
      try {
        const watch = { signal: context.signal, onProgress };
        await move(transfer, streams, scope, { source, destination }, watch);
      } finally {
        stream?.close();
      }
      return {};
    },
  });
}

async function move(
  transfer: Transfer,
  streams: Streams,
  scope: Scope,
  { source, destination }: { source: Any; destination: Any },
  watch: TransferOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const [from, to] = [nameOf(source.typeUrl), nameOf(destination.typeUrl)];
  if (from === `${PREFIX}OCIRegistry` && to === `${PREFIX}ImageStore`) {
    const store = ImageStore.decode(destination.value);
    return await withRegistry(streams, scope, source.value, watch.signal, (registry) => {
      const name = `OCI Registry (${registry.reference})`;
      const work = () => pull(transfer, registry, scope, store, watch);
      return headed(watch, { begin: `Pulling from ${name}`, end: `Completed pull from ${name}` }, work);
    });
  }
  if (from === `${PREFIX}ImageStore` && to === `${PREFIX}OCIRegistry`) {
    const store = ImageStore.decode(source.value);
    return await withRegistry(streams, scope, destination.value, watch.signal, (registry) => {
      const name = `OCI Registry (${registry.reference})`;
      const work = () => push(transfer, registry, scope, store, watch);
      return headed(watch, { begin: `Pushing to ${name}`, end: `Completed push to ${name}` }, work);
    });
  }
  if (from === `${PREFIX}ImageImportStream` && to === `${PREFIX}ImageStore`) {
    const parts = {
      source: ImageImportStream.decode(source.value),
      store: ImageStore.decode(destination.value),
    };
    const work = () => importArchive(transfer, streams, scope, parts, watch);
    return await headed(watch, { begin: "Importing", end: "Completed import" }, work);
  }
  if (from === `${PREFIX}ImageStore` && to === `${PREFIX}ImageExportStream`) {
    const parts = {
      store: ImageStore.decode(source.value),
      destination: ImageExportStream.decode(destination.value),
    };
    const work = () => exportArchive(transfer, streams, scope, parts, watch);
    return await headed(watch, { begin: "Exporting", end: "Completed export" }, work);
  }
  if (from === `${PREFIX}ImageStore` && to === `${PREFIX}ImageStore`) {
    const [image, other] = [source, destination].map(({ value }) => ImageStore.decode(value).name);
    await transfer.tag(scope, image!, other!);
    return;
  }
  throw unimplemented(`transfer from ${from} to ${to}`);
}

/** Tells a transfer's begin and end in words of containerd's, which its ctr shows below the rest. */
async function headed(
  { onProgress }: TransferOptions,
  { begin, end }: { begin: string; end: string },
  work: () => Promise<void>,
): Promise<void> {
  onProgress?.(progressText(begin));
  await work();
  onProgress?.(progressText(end));
}

async function pull(
  transfer: Transfer,
  registry: RegistryRequest,
  scope: Scope,
  store: ImageStore,
  watch: TransferOptions,
): Promise<void> {
  const request = {
    ...registry,
    name: store.name,
    labels: store.labels,
    platforms: store.platforms.length
      ? store.platforms
      : store.unpacks.flatMap(({ platform }) => platform ?? []),
    allPlatforms: store.allMetadata,
    sync: !store.noSync,
    discardUnpackedLayers: store.discardUnpackedLayers || undefined,
  };
  const snapshotters = new Set(store.unpacks.map(({ snapshotter }) => snapshotter));
  if (snapshotters.size === 0) await transfer.pull(scope, { ...request, unpack: false }, watch);
  // What the first has fetched is there for the others.
  for (const snapshotter of snapshotters) await transfer.pull(scope, { ...request, snapshotter }, watch);
}

/** Names are looked for as they are. The image has the reference's name if the client gives it none. */
async function push(
  transfer: Transfer,
  registry: RegistryRequest,
  scope: Scope,
  { name, platforms, allMetadata }: ImageStore,
  watch: TransferOptions,
): Promise<void> {
  await transfer.push(scope, { ...registry, name, platforms, allPlatforms: allMetadata }, watch);
}
