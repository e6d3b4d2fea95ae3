/** Pushing one image: its blobs side by side, then its manifests, then its indexes. */
import type { Progress } from "../api/types/transfer/progress.ts";
import { invalidArgument } from "../errors.ts";
import { type Descriptor, Family, formatPlatform } from "../images/mod.ts";
import type { Pusher } from "../remotes/mod.ts";
import { inLanes } from "./lanes.ts";
import { type Named, planPush, type Wish } from "./plan.ts";
import { isForeign, type Node, type PushContent, sourcesOf, Trees } from "./tree.ts";
import { Teller } from "./tell.ts";

export type { PushContent } from "./tree.ts";

type Report = (progress: Progress) => void;

/** An upload that several may wait for. */
export type Work = (signal: AbortSignal, report: Report) => Promise<void>;

/** One who waits for it. */
export interface Watch {
  readonly signal: AbortSignal;
  readonly onProgress: Report;
}

/** How an image is pushed. */
export interface PushOptions extends Partial<Wish> {
  /** Push layers, too, that their maker doesn't let registries hold. */
  readonly foreign?: boolean;
  /** Blobs at a time. */
  readonly maxConcurrentUploads?: number;
  readonly onProgress?: Report;
  readonly signal?: AbortSignal;
  /** Does `work` unless somebody is at work on `key`, and waits for its end. */
  readonly once?: (key: string, work: Work, watch: Watch) => Promise<void>;
}

const UPLOADS = 3;
const words = { exists: "already exists", mounted: "mounted", uploaded: "complete" } as const;

/**
 * Pushes an image and gives what the registry has now under the reference: the image itself, or what is left of it
 * without the platforms that aren't here. Throws NotFound, naming the platform and the command that helps, if
 * something that was asked for isn't here; and what the registry's refusals and failures are.
 */
export async function pushImage(
  pusher: Pusher,
  content: PushContent,
  image: Named,
  options: PushOptions = {},
): Promise<Descriptor> {
  const { platforms = [], all = false, foreign = false, signal } = options;
  const family = new Family(image.name);
  const tell = new Teller(options.onProgress, family);
  tell.whole("pushing content", image);
  const tree = await new Trees(content, pusher, { foreign, signal }).read(image.target);
  const { root, skipped } = planPush(tree, image.name, { platforms, all });
  checkDigest(pusher, root);
  for (const { platform, target } of skipped) tell.skipped(platform ? formatPlatform(platform) : "", target);
  await new Push(pusher, content, { tell, family }, options).run(root);
  tell.whole("pushed content", { name: image.name, target: root.target });
  return root.target;
}

/** A reference with a digest names one thing only. */
function checkDigest({ reference: { digest } }: Pusher, { target }: Node): void {
  if (!digest || digest === target.digest) return;
  throw invalidArgument(`cannot push ${target.digest} under a reference with the digest ${digest}`);
}

class Push {
  readonly #pusher: Pusher;
  readonly #content: PushContent;
  readonly #tell: Teller;
  readonly #family: Family;
  readonly #options: PushOptions;

  constructor(
    pusher: Pusher,
    content: PushContent,
    { tell, family }: { tell: Teller; family: Family },
    options: PushOptions,
  ) {
    this.#pusher = pusher;
    this.#content = content;
    this.#tell = tell;
    this.#family = family;
    this.#options = options;
  }

  async run(root: Node): Promise<void> {
    const nodes = childrenFirst(root);
    const blobs = unique(nodes.flatMap((node) => node.blobs.map((blob) => ({ blob, parent: node.target }))));
    const documents = nodes.filter(({ bytes, target }) => bytes && target.digest !== root.target.digest);
    for (const { target, blobs, children } of nodes) {
      this.#family.adopt(target, [...blobs, ...children.map((child) => child.target)]);
    }
    // Parents first: clients draw a tree of what they are told.
    for (const { target } of [root, ...documents.toReversed()]) this.#tell.waiting(target);
    for (const { blob } of blobs) this.#tell.waiting(blob);
    // Large ones first: the last to end should not have begun last.
    blobs.sort((a, b) => b.blob.size - a.blob.size);
    await this.#inLanes(blobs, ({ blob, parent }, signal) => this.#blob(blob, parent, signal));
    const [indexes, manifests] = [true, false].map((which) =>
      documents.filter(({ document }) => (document?.kind === "index") === which)
    );
    await this.#inLanes(manifests!, (node, signal) => this.#document(node, node.target.digest, signal));
    for (const node of indexes!) await this.#document(node, node.target.digest, this.#options.signal);
    const { tag } = this.#pusher.reference;
    await this.#document(root, tag || root.target.digest, this.#options.signal);
  }

  #inLanes<T>(items: readonly T[], work: (item: T, signal: AbortSignal) => Promise<void>): Promise<void> {
    const lanes = Math.max(this.#options.maxConcurrentUploads || UPLOADS, 1);
    return inLanes(items, { lanes, signal: this.#options.signal }, work);
  }

  async #blob(blob: Descriptor, parent: Descriptor, signal: AbortSignal): Promise<void> {
    const labels = await this.#content.labels(blob.digest);
    // Was found in the registry when the plan was made.
    if (!labels) return this.#tell.done("already exists", blob);
    const from = sourcesOf(this.#pusher, { ...await this.#content.labels(parent.digest), ...labels });
    const work: Work = async (signal, report) => {
      const tell = new Teller(report, this.#family);
      const onProgress = (sent: number) => tell.moving("uploading", blob, sent);
      const bytes = {
        path: this.#content.path?.(blob.digest),
        read: (offset: number, size: number) => this.#content.read(blob.digest, offset, size),
      };
      const pushed = await this.#pusher.pushBlob(blob, bytes, { from, signal, onProgress });
      tell.done(words[pushed], blob);
    };
    const key = `upload ${this.#pusher.repository} ${blob.digest}`;
    const once = this.#options.once ?? ((_key, work, { signal, onProgress }) => work(signal, onProgress));
    await once(key, work, { signal, onProgress: this.#tell.report });
    // Others should not be offered what their registry may not give them.
    if (!isForeign(blob.mediaType)) await this.#content.pushed?.(blob.digest);
  }

  async #document({ target, bytes }: Node, name: string, signal?: AbortSignal): Promise<void> {
    if (await this.#pusher.hasManifest(target, name, signal)) {
      return this.#tell.done("already exists", target);
    }
    this.#tell.moving("uploading", target, 0);
    await this.#pusher.putManifest(target, bytes!, name, signal);
    await this.#content.pushed?.(target.digest);
    this.#tell.done("complete", target);
  }
}

function childrenFirst(node: Node): Node[] {
  const seen = new Set<string>();
  const visit = (one: Node): Node[] => {
    if (seen.has(one.target.digest)) return [];
    seen.add(one.target.digest);
    return [...one.children.flatMap(visit), one];
  };
  return visit(node);
}

function unique(
  blobs: { blob: Descriptor; parent: Descriptor }[],
): { blob: Descriptor; parent: Descriptor }[] {
  return [...new Map(blobs.map((one) => [one.blob.digest, one])).values()];
}
