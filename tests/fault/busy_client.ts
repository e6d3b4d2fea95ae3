/** Clients that make and delete things without a pause, and know what they were told of each. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ContainersDefinition } from "../../lib/api/services/containers/v1/containers.ts";
import { ContentDefinition, WriteAction } from "../../lib/api/services/content/v1/content.ts";
import { ImagesDefinition } from "../../lib/api/services/images/v1/images.ts";
import { SnapshotsDefinition } from "../../lib/api/services/snapshots/v1/snapshots.ts";
import { Code, isError } from "../../lib/errors.ts";
import type { Channel } from "../../lib/rpc/service.ts";

export const scope = { namespace: "busy" };
/** Holds content and snapshots, so that no run of the collector takes them. */
export const lease = "busy";
const held = { ...scope, lease };
const snapshotter = "overlayfs";

export const kinds = ["content", "snapshot", "image", "container"] as const;
export type Kind = typeof kinds[number];

/** How a thing of some kind is made and deleted; `n` is never used twice. Resolves with its name. */
interface Maker {
  name(n: number): string;
  make(channel: Channel, n: number): Promise<unknown>;
  drop(channel: Channel, name: string): Promise<unknown>;
  list(channel: Channel): Promise<string[]>;
}

const blobOf = (n: number) => new Uint8Array(1000 + (n * 7919) % 60_000).fill(n % 251);
const digestOf = (n: number) =>
  "sha256:" + createHash("sha256").update(blobOf(n)).update(`${n}`).digest("hex");

const makers: Record<Kind, Maker> = {
  content: {
    name: digestOf,
    make: (channel, n) => Array.fromAsync(channel.stub(ContentDefinition, held).write(blob(n))),
    drop: (channel, digest) => channel.stub(ContentDefinition, held).delete({ digest }),
    list: async (channel) =>
      (await Array.fromAsync(channel.stub(ContentDefinition, scope).list({}))).flatMap(({ info }) =>
        info.map(({ digest }) => digest)
      ),
  },
  snapshot: {
    name: (n) => `snapshot-${n}`,
    make: async (channel, n) => {
      const snapshots = channel.stub(SnapshotsDefinition, held);
      await snapshots.prepare({ snapshotter, key: `snapshot-${n}` });
    },
    drop: (channel, key) => channel.stub(SnapshotsDefinition, held).remove({ snapshotter, key }),
    list: async (channel) =>
      (await Array.fromAsync(channel.stub(SnapshotsDefinition, scope).list({ snapshotter }))).flatMap((
        { info },
      ) => info.map(({ name }) => name)),
  },
  image: {
    name: (n) => `example.test/image:${n}`,
    make: (channel, n) =>
      channel.stub(ImagesDefinition, scope).create({
        image: {
          name: `example.test/image:${n}`,
          labels: {},
          target: {
            mediaType: "application/vnd.oci.image.manifest.v1+json",
            digest: digestOf(n),
            size: 1n,
            annotations: {},
          },
          createdAt: undefined,
          updatedAt: undefined,
        },
      }),
    drop: (channel, name) => channel.stub(ImagesDefinition, scope).delete({ name }),
    list: async (channel) =>
      (await channel.stub(ImagesDefinition, scope).list({})).images.map(({ name }) => name),
  },
  container: {
    name: (n) => `container-${n}`,
    make: (channel, n) =>
      channel.stub(ContainersDefinition, scope).create({
        container: {
          id: `container-${n}`,
          labels: {},
          image: "",
          runtime: { name: "io.containerd.runc.v2", options: undefined },
          spec: {
            typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Spec",
            value: new Uint8Array(),
          },
          snapshotter: "",
          snapshotKey: "",
          createdAt: undefined,
          updatedAt: undefined,
          extensions: {},
          sandbox: "",
        },
      }),
    drop: (channel, id) => channel.stub(ContainersDefinition, scope).delete({ id }),
    list: async (channel) =>
      (await channel.stub(ContainersDefinition, scope).list({})).containers.map(({ id }) => id),
  },
};

/** A blob in three pieces, the last of which commits it. */
async function* blob(n: number) {
  const bytes = new Uint8Array([...blobOf(n), ...new TextEncoder().encode(`${n}`)]);
  const half = bytes.length >> 1;
  yield { action: WriteAction.STAT, ref: `ref-${n}`, total: BigInt(bytes.length), expected: digestOf(n) };
  yield { action: WriteAction.WRITE, offset: 0n, data: bytes.subarray(0, half) };
  yield { action: WriteAction.COMMIT, offset: BigInt(half), data: bytes.subarray(half) };
}

export class Busy {
  /** What was answered to be there. */
  readonly #there: Record<Kind, Set<string>> = sets();
  /** What was asked for or asked to go, and not answered. */
  readonly #doubtful: Record<Kind, Set<string>> = sets();
  #n = 0;
  #answers = 0;
  #wanted: { answers: number; resolve: () => void } | undefined;

  /** Works until the connection breaks. */
  async work(channel: Channel): Promise<void> {
    this.#answers = 0;
    await Promise.all(kinds.flatMap((kind) => [this.#workOn(channel, kind), this.#workOn(channel, kind)]));
  }

  /** Resolves when so many requests of the work under way were answered. */
  until(answers: number): Promise<void> {
    return new Promise((resolve) => this.#wanted = { answers, resolve });
  }

  async #workOn(channel: Channel, kind: Kind): Promise<void> {
    const maker = makers[kind];
    for (let turn = 0;; turn++) {
      const [oldest] = this.#there[kind];
      const drop = turn % 3 === 2 && oldest !== undefined && !this.#doubtful[kind].has(oldest);
      const n = this.#n++;
      const name = drop ? oldest : maker.name(n);
      this.#doubtful[kind].add(name);
      try {
        await (drop ? maker.drop(channel, name) : maker.make(channel, n));
      } catch (error) {
        // The connection broke; any other answer would be a fault of the daemon.
        if (isError(error, Code.Unavailable)) return;
        throw error;
      }
      this.#doubtful[kind].delete(name);
      if (drop) this.#there[kind].delete(name);
      else this.#there[kind].add(name);
      if (++this.#answers >= (this.#wanted?.answers ?? Infinity)) this.#wanted!.resolve();
    }
  }

  static async list(channel: Channel, kind: Kind): Promise<Set<string>> {
    return new Set(await makers[kind].list(channel));
  }

  /** Whether what is found is what was answered, but for what was not. */
  check(kind: Kind, found: ReadonlySet<string>): void {
    const certain = (names: ReadonlySet<string>) => names.difference(this.#doubtful[kind]);
    assert.deepEqual([...certain(found)].sort(), [...certain(this.#there[kind])].sort(), kind);
    const unknown = found.difference(this.#there[kind]).difference(this.#doubtful[kind]);
    assert.deepEqual([...unknown], [], `${kind} that nobody asked for`);
  }

  /** From now on what was found is what is there. */
  adopt(found: Record<Kind, Set<string>>): void {
    for (const kind of kinds) {
      this.#doubtful[kind].clear();
      this.#there[kind].clear();
      for (const name of found[kind]) this.#there[kind].add(name);
    }
  }

  /** How many of a kind there are. */
  count(kind: Kind): number {
    return this.#there[kind].size;
  }
}

function sets(): Record<Kind, Set<string>> {
  return { content: new Set(), snapshot: new Set(), image: new Set(), container: new Set() };
}
