/** An image's registry: what a name stands for, its manifests, and where its blobs are. */
import { createHash } from "node:crypto";
import type { Descriptor } from "../api/types/descriptor.ts";
import { Code, CtrError, failedPrecondition, isError } from "../errors.ts";
import { Authorizer, type CredentialsFor } from "./authorizer.ts";
import type { BlobRequest, BlobSource } from "./blob.ts";
import { agent, exchange, headersFor, type Place } from "./exchange.ts";
import { addressOf, type Capability, defaultHosts, type HostsFor, type RegistryHost } from "./hosts.ts";
import { type Answer, errorOfAnswer, type Patience, readBody } from "./http.ts";
import type { HttpLog } from "./http_log.ts";
import { parseReference, type Reference } from "./reference.ts";

/** Longer manifests, indexes and configs are refused before they are read. */
export const LARGEST_MANIFEST = 8 * 1024 * 1024;

/** How a registry is asked. */
export interface RemoteOptions {
  readonly hosts?: HostsFor;
  readonly credentials?: CredentialsFor;
  /** Ask for manifests of Docker's first format too. */
  readonly schema1?: boolean;
  readonly patience?: Partial<Patience>;
  readonly log?: HttpLog;
}

/** A descriptor as manifests have it: with the addresses of layers that are kept elsewhere. */
export interface Target {
  readonly mediaType: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number | bigint;
  readonly urls?: readonly string[];
}

/** The media types of manifests and indexes. */
export const manifestTypes: readonly string[] = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/** Those of Docker's first format. */
const schema1Types: readonly string[] = [
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
  "application/vnd.docker.distribution.manifest.v1+json",
];

/** Whether a media type is that of a manifest of Docker's first format, which has its signatures in it. */
export const isSchema1Type = (mediaType: string): boolean => schema1Types.includes(mediaType);

/** The place that one reference names, and what is allowed there. */
export class Remote {
  readonly reference: Reference;
  readonly #hosts: readonly RegistryHost[];
  readonly #authorizer: Authorizer;
  readonly #patience: Partial<Patience> | undefined;
  readonly #accept: readonly string[];
  /** Who wants to see requests; those for blobs are others' to tell. */
  readonly log: HttpLog | undefined;

  /** Throws InvalidArgument for a bad reference. Asks nobody yet. */
  constructor(reference: string, options: RemoteOptions = {}) {
    this.reference = parseReference(reference);
    this.#hosts = (options.hosts ?? defaultHosts())(this.reference);
    this.#authorizer = new Authorizer(options.credentials, options.patience);
    this.#patience = options.patience;
    this.log = options.log;
    this.#accept = options.schema1 ? [...manifestTypes, ...schema1Types] : manifestTypes;
  }

  /** What the reference stands for now. Throws NotFound and what else the registry says. */
  async resolve(signal?: AbortSignal): Promise<Descriptor> {
    const { digest, tag } = this.reference;
    return await this.#first("resolve", async (host) => {
      const path = `/manifests/${digest || tag}`;
      const head = await this.#send(host, "HEAD", path, this.#accept, signal);
      await head.body?.cancel();
      if (head.status === 200) {
        const found = descriptorOf(head, digest);
        if (found) return found;
      } else if (head.status !== 405 && head.status !== 400 && head.status !== 404) {
        throw await errorOfAnswer(head, this.#what());
      }
      return await this.#resolveByGet(host, path, signal);
    });
  }

  async #resolveByGet(host: RegistryHost, path: string, signal?: AbortSignal): Promise<Descriptor> {
    const answer = await this.#send(host, "GET", path, this.#accept, signal);
    if (answer.status !== 200) throw await errorOfAnswer(answer, this.#what());
    const mediaType = typeOf(answer);
    if (!manifestTypes.includes(mediaType) && !isSchema1Type(mediaType)) {
      await answer.body?.cancel();
      const words = `the media type ${JSON.stringify(mediaType)} is no image's`;
      throw failedPrecondition(`${this.#what()}: ${host.host} answers 200, but ${words}`);
    }
    const bytes = await readBody(answer, LARGEST_MANIFEST, this.#what());
    const claimed = answer.headers.get("docker-content-digest");
    const digest = this.reference.digest || (validDigest(claimed) ? claimed! : digestOf(bytes, "sha256:"));
    if (digestOf(bytes, digest) !== digest) {
      throw failedPrecondition(`${this.#what()}: the registry's bytes don't have the digest ${digest}`);
    }
    return { digest, size: BigInt(bytes.length), mediaType, annotations: {} };
  }

  /** A manifest, index or config: verified, at most 8 MiB. A host whose bytes are others counts as one without. */
  async fetch(target: Target, signal?: AbortSignal): Promise<Uint8Array> {
    const what = `${this.#what()}: ${target.digest}`;
    if (target.size > LARGEST_MANIFEST || target.size < 0) {
      throw failedPrecondition(`${what}: ${target.size} bytes, the limit is ${LARGEST_MANIFEST}`);
    }
    const kinds = manifestTypes.includes(target.mediaType) ? ["manifests"] : ["blobs", "manifests"];
    return await this.#first("pull", async (host) => {
      let answer = await this.#get(host, kinds[0]!, target, signal);
      if (answer.status === 404 && kinds[1]) {
        await answer.body?.cancel();
        answer = await this.#get(host, kinds[1], target, signal);
      }
      if (answer.status !== 200) throw await errorOfAnswer(answer, what);
      const bytes = await readBody(answer, Number(target.size), what);
      verify(bytes, target, what);
      return bytes;
    });
  }

  /** A manifest whose digest is not that of its bytes: Docker's first format has signatures in it. */
  async fetchUnverified(target: Target, signal?: AbortSignal): Promise<Uint8Array> {
    const what = `${this.#what()}: ${target.digest}`;
    return await this.#first("pull", async (host) => {
      const answer = await this.#get(host, "manifests", target, signal);
      if (answer.status !== 200) throw await errorOfAnswer(answer, what);
      return await readBody(answer, LARGEST_MANIFEST, what);
    });
  }

  /** The length of a blob, where nobody has told it. Throws NotFound, and FailedPrecondition if it isn't said. */
  async sizeOf(digest: string, signal?: AbortSignal): Promise<number> {
    const what = `${this.#what()}: ${digest}`;
    return await this.#first("pull", async (host) => {
      const answer = await this.#send(host, "HEAD", `/blobs/${digest}`, ["*/*"], signal);
      await answer.body?.cancel();
      if (answer.status !== 200) throw await errorOfAnswer(answer, what);
      const length = answer.headers.get("content-length") ?? "";
      if (!/^\d{1,15}$/.test(length)) {
        throw failedPrecondition(`${what}: the registry does not tell its length`);
      }
      return Number(length);
    });
  }

  #get(host: RegistryHost, kind: string, target: Target, signal?: AbortSignal): Promise<Answer> {
    return this.#send(host, "GET", `/${kind}/${target.digest}`, [target.mediaType, "*/*"], signal);
  }

  /**
   * How a layer is fetched. Addresses in the manifest come last, and never get credentials. `first`: which of the
   * places is asked first, for those that have failed with the ones before.
   */
  blob(target: Target, first = 0): BlobRequest {
    const hosts = this.#able("pull");
    const own: BlobSource[] = hosts.map((host) => ({
      url: addressOf(host, this.reference.repository, `/blobs/${target.digest}`),
      headers: this.#headers(host),
      connection: host.connection,
    }));
    const foreign: BlobSource[] = (target.urls ?? []).filter((url) =>
      /^https?:$/.test(URL.parse(url)?.protocol ?? "")
    )
      .map((url) => ({ url: withoutUser(url), headers: { ...agent } }));
    const all = [...own, ...foreign];
    const at = first % all.length;
    const [chosen, ...others] = [...all.slice(at), ...all.slice(0, at)];
    if (!chosen) throw failedPrecondition(`${this.#what()}: no host to pull from`);
    const { digest } = target;
    return { ...chosen, others, digest, size: Number(target.size), patience: this.#patience };
  }

  /** Gets new tokens after a blob's 401. Throws Unauthenticated if there are none to be had. */
  async renew(target: Target, signal?: AbortSignal): Promise<void> {
    for (const host of this.#able("pull")) {
      const answer = await this.#send(host, "HEAD", `/blobs/${target.digest}`, ["*/*"], signal);
      await answer.body?.cancel();
      if (answer.status === 401) throw await errorOfAnswer(answer, `${this.#what()}: ${target.digest}`);
    }
  }

  #headers(host: RegistryHost): Record<string, string> {
    return headersFor(this.#place(host));
  }

  #send(
    host: RegistryHost,
    method: "GET" | "HEAD",
    path: string,
    accept: readonly string[],
    signal?: AbortSignal,
  ): Promise<Answer> {
    const url = addressOf(host, this.reference.repository, path);
    const headers = { accept: accept.join(", ") };
    return exchange(this.#place(host), { method, url, headers, patience: this.#patience }, signal);
  }

  #place(host: RegistryHost): Place {
    return { host, authorizer: this.#authorizer, scope: this.#scope(), log: this.log };
  }

  /** The first host's result; the others' turn comes if it hasn't got it or doesn't work. */
  async #first<T>(capability: Capability, work: (host: RegistryHost) => Promise<T>): Promise<T> {
    let first: unknown;
    for (const host of this.#able(capability)) {
      try {
        return await work(host);
      } catch (error) {
        if (!(error instanceof CtrError)) throw error;
        if (first === undefined || isError(first, Code.NotFound)) first = error;
      }
    }
    throw first ?? failedPrecondition(`${this.#what()}: no host to ${capability} from`);
  }

  #able(capability: Capability): RegistryHost[] {
    return this.#hosts.filter(({ capabilities }) => capabilities.includes(capability));
  }

  #scope(): string {
    return `repository:${this.reference.repository}:pull`;
  }

  #what(): string {
    const { host, repository, tag, digest } = this.reference;
    return `${host}/${repository}${tag && `:${tag}`}${digest && `@${digest}`}`;
  }
}

const validDigest = (digest: string | null) =>
  /^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/.test(digest ?? "");

function digestOf(bytes: Uint8Array, like: string): string {
  const algorithm = like.slice(0, like.indexOf(":"));
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

/** Throws FailedPrecondition for other bytes than the target's. */
function verify(bytes: Uint8Array, target: Target, what: string): void {
  if (BigInt(bytes.length) !== BigInt(target.size)) {
    throw failedPrecondition(`${what}: expected ${target.size} bytes, got ${bytes.length}`);
  }
  const found = digestOf(bytes, target.digest);
  if (found !== target.digest) {
    throw failedPrecondition(`${what}: the registry's bytes have the digest ${found}`);
  }
}

const typeOf = (answer: Answer) => (answer.headers.get("content-type") ?? "").split(";")[0]!.trim();

/** What a HEAD tells, if it tells all. The digest asked for is the one that counts. */
function descriptorOf(answer: Answer, asked: string): Descriptor | undefined {
  const claimed = answer.headers.get("docker-content-digest");
  const length = answer.headers.get("content-length");
  const mediaType = typeOf(answer);
  if (
    !manifestTypes.includes(mediaType) && !isSchema1Type(mediaType) || !length || !/^\d+$/.test(length) ||
    length === "0"
  ) {
    return undefined;
  }
  if (asked && claimed && claimed !== asked) {
    throw failedPrecondition(`${asked}: the registry answers with the digest ${claimed}`);
  }
  const digest = asked || claimed;
  if (!digest || !validDigest(digest)) return undefined;
  if (Number(length) > LARGEST_MANIFEST) {
    throw failedPrecondition(`manifest ${digest}: ${length} bytes, the limit is ${LARGEST_MANIFEST}`);
  }
  return { digest, size: BigInt(length), mediaType, annotations: {} };
}

function withoutUser(url: string): string {
  const parsed = new URL(url);
  parsed.username = parsed.password = "";
  return parsed.href;
}
