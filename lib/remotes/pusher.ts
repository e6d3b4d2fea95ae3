/** A registry's repository as a place to push to. Source: OCI distribution spec 1.1, "Push". */
import { failedPrecondition } from "../errors.ts";
import { Authorizer } from "./authorizer.ts";
import { addressIn, exchange, originOf, type Place, type Sender } from "./exchange.ts";
import { defaultHosts } from "./hosts.ts";
import { type Answer, errorOfAnswer, type HttpRequest, type Patience } from "./http.ts";
import { outgoingBytes } from "./outgoing.ts";
import { formatReference, parseReference, type Reference } from "./reference.ts";
import { manifestTypes, type RemoteOptions, type Target } from "./remote.ts";
import { type BlobBytes, checkStored, Upload, type UploadOptions } from "./upload.ts";

/** What became of a blob: it was there, the registry took it from another of its repositories, or it was sent. */
export type Pushed = "exists" | "mounted" | "uploaded";

/** How a blob is pushed. */
export interface BlobPush extends UploadOptions {
  /** Repositories of the same registry that have it, the likeliest first. */
  readonly from?: readonly string[];
}

/** The repository that one reference names. */
export class Pusher {
  readonly reference: Reference;
  readonly #place: Place;
  readonly #patience: Partial<Patience> | undefined;

  /** Throws InvalidArgument for a bad reference, FailedPrecondition if no host takes pushes. Asks nobody yet. */
  constructor(reference: string, options: RemoteOptions & { readonly sender?: Sender } = {}) {
    this.reference = parseReference(reference);
    const hosts = (options.hosts ?? defaultHosts())(this.reference);
    const host = hosts.find(({ capabilities }) => capabilities.includes("push"));
    if (!host) throw failedPrecondition(`${reference}: none of its hosts takes pushes`);
    const authorizer = new Authorizer(options.credentials, options.patience);
    const scope = scopeFor(this.reference.repository);
    this.#place = { host, authorizer, scope, sender: options.sender, log: options.log };
    this.#patience = options.patience;
  }

  /** The repository's address: uploads of one blob to one of these are done once. */
  get repository(): string {
    return `${originOf(this.#place.host)}/${this.reference.repository}`;
  }

  /** Whether the repository has a manifest, under `name` if given. */
  async hasManifest({ digest, mediaType }: Target, name = digest, signal?: AbortSignal): Promise<boolean> {
    const accept = [...new Set([mediaType, ...manifestTypes])].join(", ");
    const answer = await this.#ask(
      { method: "HEAD", path: `/manifests/${name}`, headers: { accept } },
      signal,
    );
    await answer.body?.cancel();
    if (answer.status === 200) {
      const there = answer.headers.get("docker-content-digest");
      return there === digest || !there && name === digest;
    }
    if (isAbsent(answer)) return false;
    throw await errorOfAnswer(answer, this.#what(digest));
  }

  /**
   * Stores a manifest or an index under `name`, a tag or its own digest. All that it refers to has to be there.
   * Throws FailedPrecondition, with the registry's reason, if it doesn't take it.
   */
  async putManifest(target: Target, bytes: Uint8Array, name: string, signal?: AbortSignal): Promise<void> {
    const { digest, mediaType } = target;
    const request = {
      method: "PUT",
      path: `/manifests/${name}`,
      headers: { "content-type": mediaType },
      body: outgoingBytes(bytes),
    } as const;
    const answer = await this.#ask(request, signal);
    await checkStored(answer, digest, this.#what(digest));
  }

  /** Whether the repository has a blob. */
  async hasBlob({ digest, size }: Target, signal?: AbortSignal): Promise<boolean> {
    const answer = await this.#ask({ method: "HEAD", path: `/blobs/${digest}`, headers: {} }, signal);
    await answer.body?.cancel();
    if (answer.status === 200) {
      const length = answer.headers.get("content-length");
      return length === `${size}` ||
        length === null && answer.headers.get("docker-content-digest") === digest;
    }
    // A storage that the registry redirects to may not answer HEAD; sending the blob is never wrong.
    const redirected = new URL(answer.url).origin !== originOf(this.#place.host);
    if (isAbsent(answer) || redirected) return false;
    throw await errorOfAnswer(answer, this.#what(digest));
  }

  /** Whether the registry gives the repository a blob of another repository, `from`. */
  async mountBlob(target: Target, from: string, signal?: AbortSignal): Promise<boolean> {
    const upload = this.#upload(target);
    const mounted = await upload.mount(this.#withPull(from), from, signal);
    if (!mounted) await upload.abandon(signal);
    return mounted;
  }

  /**
   * Sees to it that the repository has a blob. Throws Unavailable, when tries have run out; Unauthenticated,
   * PermissionDenied; FailedPrecondition for bytes that are not those of the digest.
   */
  async pushBlob(target: Target, bytes: BlobBytes, options: BlobPush = {}): Promise<Pushed> {
    const { signal, from = [] } = options;
    if (await this.hasBlob(target, signal)) return "exists";
    const upload = this.#upload(target);
    for (const repository of from) {
      if (await upload.mount(this.#withPull(repository), repository, signal)) return "mounted";
    }
    await upload.send(bytes, options);
    return "uploaded";
  }

  #upload(target: Target): Upload {
    const start = addressIn(this.#place, this.reference.repository, "/blobs/uploads/");
    return new Upload({ place: this.#place, start, target, what: this.#what(target.digest) }, this.#patience);
  }

  #withPull(repository: string): Place {
    const { scope } = this.#place;
    return { ...this.#place, scope: `${scope} repository:${repository}:pull`, lesserScope: scope };
  }

  #ask(request: Omit<HttpRequest, "url"> & { path: string }, signal?: AbortSignal): Promise<Answer> {
    const { path, ...rest } = request;
    const url = addressIn(this.#place, this.reference.repository, path);
    return exchange(this.#place, { ...rest, url, patience: this.#patience }, signal);
  }

  #what(digest: string): string {
    return `${formatReference({ ...this.reference, digest: "" })}: ${digest}`;
  }
}

const scopeFor = (repository: string) => `repository:${repository}:pull,push`;

/** Registries that create a repository with its first push may not know it yet. */
const isAbsent = ({ status }: Answer) => status === 404 || status === 405;
