/** containerd.services.transfer.v1.Transfer: images from one place to another, told by their kinds. */
import type { Any } from "../api/google/protobuf/any.ts";
import { TransferDefinition } from "../api/services/transfer/v1/transfer.ts";
import { ImageStore } from "../api/types/transfer/imagestore.ts";
import { Progress } from "../api/types/transfer/progress.ts";
import { AuthRequest, AuthResponse, AuthType, OCIRegistry } from "../api/types/transfer/registry.ts";
import { invalidArgument, unimplemented } from "../errors.ts";
import type { Credentials, CredentialsFor } from "../remotes/mod.ts";
import { anyOf, nameOf } from "../rpc/any.ts";
import { requireNamespace } from "../rpc/context.ts";
import { complete, type Service, service } from "../rpc/service.ts";
import type { Scope } from "../scope.ts";
import type { Transfer, TransferOptions } from "../transfer/mod.ts";
import type { Streams } from "./streaming.ts";

const PREFIX = "containerd.types.transfer.";

/** The transfer service. Of the pairs there are, it has registry to store (pull) and store to store (tag). */
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
  watch: TransferOptions,
): Promise<void> {
  const [from, to] = [nameOf(source.typeUrl), nameOf(destination.typeUrl)];
  if (from === `${PREFIX}OCIRegistry` && to === `${PREFIX}ImageStore`) {
    const registry = OCIRegistry.decode(source.value);
    return await pull(transfer, streams, scope, registry, ImageStore.decode(destination.value), watch);
  }
  if (from === `${PREFIX}ImageStore` && to === `${PREFIX}ImageStore`) {
    const [image, other] = [source, destination].map(({ value }) => ImageStore.decode(value).name);
    await transfer.tag(scope, image!, other!);
    return;
  }
  throw unimplemented(`transfer from ${from} to ${to}`);
}

async function pull(
  transfer: Transfer,
  streams: Streams,
  scope: Scope,
  { reference, resolver }: OCIRegistry,
  store: ImageStore,
  watch: TransferOptions,
): Promise<void> {
  const auth = resolver?.authStream
    ? credentialsOver(streams, scope, resolver.authStream, reference)
    : undefined;
  const request = {
    reference,
    name: store.name,
    labels: store.labels,
    platforms: store.platforms.length
      ? store.platforms
      : store.unpacks.flatMap(({ platform }) => platform ?? []),
    allPlatforms: store.allMetadata,
    plainHttp: resolver?.defaultScheme === "http",
    hostsDir: resolver?.hostDir,
    headers: lowerCase(resolver?.headers ?? {}),
    auth,
  };
  const snapshotters = new Set(store.unpacks.map(({ snapshotter }) => snapshotter));
  if (snapshotters.size === 0) await transfer.pull(scope, { ...request, unpack: false }, watch);
  // What the first has fetched is there for the others.
  for (const snapshotter of snapshotters) await transfer.pull(scope, { ...request, snapshotter }, watch);
}

const lowerCase = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

/** Credentials asked of the client over its auth stream, one question at a time. */
function credentialsOver(streams: Streams, scope: Scope, id: string, reference: string): CredentialsFor {
  const { incoming, send } = streams.get(scope, id);
  let last: Promise<unknown> = Promise.resolve();
  return (host, wwwauthenticate) => {
    const answer = last.then(async () => {
      const question = complete(AuthRequest, { host, reference, wwwauthenticate: [...wwwauthenticate] });
      send(anyOf(`${PREFIX}AuthRequest`, AuthRequest, question));
      const { value, done } = await incoming.next();
      return done ? undefined : credentialsOf(AuthResponse.decode(value.value));
    });
    last = answer.catch(() => {});
    return answer;
  };
}

function credentialsOf({ authType, secret, username }: AuthResponse): Credentials | undefined {
  if (authType === AuthType.CREDENTIALS) return { username, secret };
  if (authType === AuthType.REFRESH) return { refreshToken: secret };
  if (authType === AuthType.HEADER) return { header: secret };
  return undefined;
}
