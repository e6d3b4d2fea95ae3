/** What is told of a push while it runs: the events of containerd's Transfer API. */
import type { Progress } from "../api/types/transfer/progress.ts";
import { type Descriptor, type Family, refOf } from "../images/mod.ts";
import type { Named } from "./plan.ts";

type Report = (progress: Progress) => void;

/** Milliseconds between two words on one blob under way. */
const INTERVAL = 100;

export class Teller {
  readonly report: Report;
  readonly #family: Family | undefined;
  readonly #last = new Map<string, number>();

  /** `family` knows what each piece is shown below. */
  constructor(report: Report = () => {}, family?: Family) {
    this.report = report;
    this.#family = family;
  }

  /** A word on the whole image. */
  whole(event: string, { name, target }: Named): void {
    this.report({ event, name, parents: [], progress: 0n, total: 0n, desc: wire(target) });
  }

  /** An image that isn't pushed because it isn't here. */
  skipped(platform: string, target: Descriptor): void {
    const name = platform || target.digest;
    this.report({ event: "skipped", name, parents: [], progress: 0n, total: 0n, desc: wire(target) });
  }

  waiting(target: Descriptor): void {
    this.#tell("waiting", target, 0);
  }

  /** Not more often than a few times a second. */
  moving(event: string, target: Descriptor, done: number): void {
    const now = performance.now();
    if (now - (this.#last.get(target.digest) ?? -Infinity) < INTERVAL) return;
    this.#last.set(target.digest, now);
    this.#tell(event, target, done);
  }

  /** "complete", "already exists", "mounted". */
  done(event: string, target: Descriptor): void {
    this.#tell(event, target, target.size);
  }

  #tell(event: string, target: Descriptor, done: number): void {
    const desc = wire(target);
    const parents = this.#family?.parentsOf(target) ?? [];
    this.report({ event, name: refOf(target), parents, progress: BigInt(done), total: desc.size, desc });
  }
}

const wire = ({ mediaType, digest, size }: Descriptor) => ({
  mediaType,
  digest,
  size: BigInt(size),
  annotations: {},
});
