/** Pulling by the daemon's Transfer service: the bytes go from the registry to the daemon, not through us. */
import type { Any } from "../api/google/protobuf/any.ts";
import { StreamingDefinition, StreamInit } from "../api/services/streaming/v1/streaming.ts";
import { TransferDefinition } from "../api/services/transfer/v1/transfer.ts";
import type { Platform } from "../api/types/platform.ts";
import { ImageStore } from "../api/types/transfer/imagestore.ts";
import { Progress } from "../api/types/transfer/progress.ts";
import {
  AuthRequest,
  AuthResponse,
  AuthType,
  HTTPDebug,
  OCIRegistry,
} from "../api/types/transfer/registry.ts";
import { Code, isError } from "../errors.ts";
import { anyOf, nameOf } from "../rpc/any.ts";
import { receiveBytes } from "../rpc/byte_stream.ts";
import { complete } from "../rpc/service.ts";
import { leased } from "./leased.ts";
import type { Services } from "./services.ts";

/** An operating system and a processor. */
export type PlatformName = Pick<Platform, "os" | "architecture" | "variant">;

/** A registry's image, and how the registry is reached. */
export interface RegistryAccess {
  readonly reference: string;
  readonly plainHttp: boolean;
  readonly hostsDir: string;
  readonly credentials: Credentials | CredentialsSource | undefined;
  /** Who wants to see what goes between the daemon and the registry. */
  readonly log?: TransferLog;
}

/** Who somebody is to a registry. */
export type Credentials =
  | { readonly user: string; readonly password: string }
  | { readonly refresh: string }
  | { readonly header: string };

/** Asked for each host that wants to know: `registry.test:5000`, `docker.io`. */
export type CredentialsSource = (host: string) => Promise<Credentials | undefined>;

/** Told about requests and answers, without their secrets. */
export interface TransferLog {
  /** Heads of requests and answers. */
  readonly dump: boolean;
  /** A line a request. */
  readonly trace: boolean;
  readonly tell: (text: string) => void;
}

/** The streams that a registry's end of a transfer refers to; empty for those there aren't. */
export interface RegistryStreams {
  readonly auth: string;
  readonly logs: string;
}

/** What to pull, and how. */
export interface Pull extends RegistryAccess {
  readonly platforms: readonly PlatformName[];
  readonly everyPlatform: boolean;
  readonly allMetadata: boolean;
  readonly labels: Record<string, string>;
  /** Where to unpack to; undefined: nowhere. */
  readonly snapshotter: string | undefined;
  /** Commit snapshots without waiting until their data are on disk. */
  readonly noSync?: boolean;
  /** Drop blobs of layers once they are unpacked. */
  readonly discardUnpackedLayers?: boolean;
}

/** Pulls; `onProgress` is called with all that the daemon tells. Throws Unimplemented if it has no such service. */
export async function transferPull(
  daemon: Services,
  pull: Pull,
  onProgress: (update: Progress) => void,
  signal?: AbortSignal,
): Promise<void> {
  const ends = (streams: RegistryStreams) => ({
    source: registryAny(pull, streams),
    destination: anyOf("containerd.types.transfer.ImageStore", ImageStore, storeOf(pull)),
  });
  await transfer(daemon, pull, ends, onProgress, signal);
}

/** Runs one transfer, with streams for its progress, for the questions for credentials and for the log, if wanted. */
export async function transfer(
  services: Services,
  { credentials, log }: Pick<RegistryAccess, "credentials" | "log">,
  endsWith: (streams: RegistryStreams) => { source: Any; destination: Any },
  onProgress: (update: Progress) => void,
  signal?: AbortSignal,
): Promise<void> {
  await using daemon = await leased(services);
  const progress = await openStream(daemon);
  const auth = credentials ? await openStream(daemon) : undefined;
  const watching = watch(progress, onProgress);
  const answering = auth ? answer(auth, credentials) : undefined;
  const logs = log ? await openStream(daemon) : undefined;
  const logging = logs && log ? listen(logs, log) : undefined;
  try {
    const options = { progressStream: progress.id };
    const streams = { auth: auth?.id ?? "", logs: logs?.id ?? "" };
    await daemon.stub(TransferDefinition).transfer({ ...endsWith(streams), options }, { signal });
  } finally {
    progress.close();
    auth?.close();
    if (logging) await within(lastWords, logging);
    logs?.close();
  }
  await within(lastWords, Promise.all([watching, answering]));
}

/** Milliseconds for the daemon to tell the rest and end its streams after the transfer. */
const lastWords = 1000;

/** Waits for `work`, but not longer than that; a timer left behind would keep the caller's program alive. */
async function within(millis: number, work: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, millis));
  await Promise.race([work, late]);
  clearTimeout(timer);
}

/** A registry as one end of a transfer. */
export const registryAny = (access: RegistryAccess, streams: RegistryStreams): Any =>
  anyOf(
    "containerd.types.transfer.OCIRegistry",
    OCIRegistry,
    complete(OCIRegistry, {
      reference: access.reference,
      resolver: {
        authStream: streams.auth,
        headers: {},
        hostDir: access.hostsDir,
        defaultScheme: access.plainHttp ? "http" : "",
        httpDebug: debugOf(access.log),
        logsStream: streams.logs,
      },
    }),
  );

function debugOf(log: TransferLog | undefined): HTTPDebug {
  if (log?.dump && log.trace) return HTTPDebug.BOTH;
  return log?.dump ? HTTPDebug.DEBUG : log?.trace ? HTTPDebug.TRACE : HTTPDebug.DISABLED;
}

function storeOf(pull: Pull): ImageStore {
  const platforms = pull.platforms.map((platform) => ({ ...platform, osVersion: "", osFeatures: [] }));
  const { snapshotter } = pull;
  const unpacks = snapshotter === undefined ? [] : platforms.map((platform) => ({ platform, snapshotter }));
  if (pull.everyPlatform && snapshotter !== undefined) {
    unpacks.push({ platform: undefined as never, snapshotter });
  }
  return complete(ImageStore, {
    name: pull.reference,
    labels: pull.labels,
    platforms,
    allMetadata: pull.allMetadata || pull.everyPlatform,
    unpacks,
    noSync: pull.noSync ?? false,
    discardUnpackedLayers: pull.discardUnpackedLayers ?? false,
  });
}

/** A stream between us and the daemon that another call refers to by `id`. */
export interface Stream {
  readonly id: string;
  readonly messages: AsyncIterator<Any>;
  send(message: Any): void;
  close(): void;
}

/** Opens one; the daemon acknowledges it with an empty message. An abort ends it at once. */
export async function openStream(daemon: Services, signal?: AbortSignal): Promise<Stream> {
  const id = crypto.randomUUID();
  const outgoing = new Outbox();
  outgoing.send(anyOf("containerd.services.streaming.v1.StreamInit", StreamInit, { id }));
  const messages = daemon.stub(StreamingDefinition).stream(outgoing, { signal })[Symbol.asyncIterator]();
  try {
    await messages.next();
  } catch (error) {
    if (!isError(error, Code.Unimplemented)) throw error;
  }
  return { id, messages, send: (message) => outgoing.send(message), close: () => outgoing.close() };
}

async function watch({ messages }: Stream, onProgress: (update: Progress) => void): Promise<void> {
  await each(messages, ({ typeUrl, value }) => {
    if (nameOf(typeUrl) !== "containerd.types.transfer.Progress") return;
    const update = Progress.decode(value);
    // What has no name is a headline for displays that have one.
    if (update.name) onProgress(update);
  });
}

/** Tells the daemon the user's credentials when it asks. */
async function answer(
  { messages, send }: Stream,
  credentials: RegistryAccess["credentials"],
): Promise<void> {
  await each(messages, async ({ value }) => {
    const known = typeof credentials === "function"
      ? await credentials(AuthRequest.decode(value).host).catch(() => undefined)
      : credentials;
    const response = complete(AuthResponse, responseOf(known));
    send(anyOf("containerd.types.transfer.AuthResponse", AuthResponse, response));
  });
}

function responseOf(known: Credentials | undefined) {
  if (!known) return { authType: AuthType.NONE };
  if ("refresh" in known) return { authType: AuthType.REFRESH, secret: known.refresh };
  if ("header" in known) return { authType: AuthType.HEADER, secret: known.header };
  return { authType: AuthType.CREDENTIALS, username: known.user, secret: known.password };
}

/** Hands the daemon's words on. */
async function listen({ messages, send }: Stream, log: TransferLog): Promise<void> {
  const decoder = new TextDecoder();
  try {
    for await (const bytes of receiveBytes({ incoming: messages, send })) {
      log.tell(decoder.decode(bytes, { stream: true }));
    }
  } catch {
    // How the transfer itself went, its own call tells.
  }
}

/** Until the daemon ends the stream. How the transfer itself went, its own call tells. */
async function each(
  messages: AsyncIterator<Any>,
  act: (message: Any) => void | Promise<void>,
): Promise<void> {
  try {
    for (let next = await messages.next(); !next.done; next = await messages.next()) await act(next.value);
  } catch {
    return;
  }
}

/** Messages to be sent, as an async iterable. */
class Outbox implements AsyncIterable<Any> {
  readonly #waiting: Any[] = [];
  #closed = false;
  #wake = () => {};

  send(message: Any): void {
    this.#waiting.push(message);
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Any> {
    while (true) {
      while (this.#waiting.length) yield this.#waiting.shift()!;
      if (this.#closed) return;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}
