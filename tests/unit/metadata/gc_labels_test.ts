/** Each way in which one thing keeps another: with it the other stays, without it goes. */
import assert from "node:assert/strict";
import { Container } from "../../../lib/api/services/containers/v1/containers.ts";
import { type Database, GarbageCollector, schema, type Transaction } from "../../../lib/metadata/mod.ts";
import { complete } from "../../../lib/rpc/service.ts";
import { digestOf, imageOf, scratch } from "./scratch.ts";

type Labels = Record<string, string>;
const never = { startupDelay: 1e6, pauseThreshold: 0, mutationThreshold: 0, deletionThreshold: 1e9 };
const gc = "containerd.io/gc.";
const [past, future] = [-1000, 1e6].map((millis) => new Date(Date.now() + millis).toISOString());
const none = { createdAt: undefined, updatedAt: undefined };

function blob(tx: Transaction, n: number, labels: Labels = {}): void {
  tx.put(schema.content, ["one", digestOf(n)], { digest: digestOf(n), size: 1n, labels, ...none });
}

function snapshot(tx: Transaction, key: string, labels: Labels = {}, parent = ""): void {
  const kind = "committed" as const;
  tx.put(schema.snapshots, ["one", "overlayfs", key], {
    id: key,
    parent,
    kind,
    labels,
    createdAt: 0,
    updatedAt: 0,
  });
}

function image(tx: Transaction, labels: Labels = {}): void {
  tx.put(schema.images, ["one", "i"], imageOf("i", 1, labels));
}

function container(tx: Transaction, more: Partial<Container> = {}): void {
  tx.put(schema.containers, ["one", "c"], complete(Container, { id: "c", ...more }));
}

function lease(
  tx: Transaction,
  labels: Labels = {},
  resources: readonly [type: string, id: string][] = [],
): void {
  tx.put(schema.leases, ["one", "l"], { id: "l", labels, createdAt: undefined });
  for (const [type, id] of resources) tx.put(schema.leaseResources, ["one", "l", type, id], { type, id });
}

function ingest(tx: Transaction, more: { lease?: string; startedAt?: number }): void {
  const rest = { ref: "r", key: "r", total: 0, startedAt: Date.now() };
  tx.put(schema.ingests, ["one", "r"], { ...rest, expected: digestOf(9), ...more });
}

/** What is asked after: whether blob 9 and the snapshot "nine" are there. */
const hasBlob = (db: Database) => db.has(schema.content, ["one", digestOf(9)]);
const hasSnapshot = (db: Database) => db.has(schema.snapshots, ["one", "overlayfs", "nine"]);
const hasIngest = (db: Database) => db.has(schema.ingests, ["one", "r"]);

interface Case {
  readonly what: string;
  readonly stays: (tx: Transaction) => void;
  readonly goes: (tx: Transaction) => void;
  readonly isThere: (db: Database) => boolean;
}

/** Both blobs and snapshots are made; `labels` are those of blob 1, which an image keeps. */
const byBlob = (labels: Labels) => (tx: Transaction) => {
  image(tx);
  blob(tx, 1, labels);
};
const nothing = byBlob({});

/** Labels of the thing itself. */
const own = (labels: Labels) => (tx: Transaction) => {
  blob(tx, 9, labels);
  snapshot(tx, "nine", labels);
};

const cases: Case[] = [
  ...["content", "content.l.0", "content.config", "content/any"].map((name): Case => ({
    what: `gc.ref.${name} on a blob`,
    stays: byBlob({ [`${gc}ref.${name}`]: digestOf(9) }),
    goes: byBlob({ [`${gc}reff.${name}`]: digestOf(9) }),
    isThere: hasBlob,
  })),
  ...["snapshot.overlayfs", "snapshot.overlayfs/any"].map((name): Case => ({
    what: `gc.ref.${name} on a blob`,
    stays: byBlob({ [`${gc}ref.${name}`]: "nine" }),
    goes: byBlob({ [`${gc}ref.${name.replace("overlayfs", "native")}`]: "nine" }),
    isThere: hasSnapshot,
  })),
  {
    what: "gc.ref.content on an image",
    stays: (tx) => image(tx, { [`${gc}ref.content.x`]: digestOf(9) }),
    goes: (tx) => image(tx),
    isThere: hasBlob,
  },
  {
    what: "gc.ref.snapshot on an image",
    stays: (tx) => image(tx, { [`${gc}ref.snapshot.overlayfs`]: "nine" }),
    goes: (tx) => image(tx),
    isThere: hasSnapshot,
  },
  {
    what: "gc.ref.content on a container",
    stays: (tx) => container(tx, { labels: { [`${gc}ref.content.x`]: digestOf(9) } }),
    goes: (tx) => container(tx),
    isThere: hasBlob,
  },
  {
    what: "a container's snapshot",
    stays: (tx) => container(tx, { snapshotter: "overlayfs", snapshotKey: "nine" }),
    goes: (tx) => container(tx, { snapshotter: "native", snapshotKey: "nine" }),
    isThere: hasSnapshot,
  },
  {
    what: "gc.ref.content on a snapshot",
    stays: (tx) => snapshot(tx, "root", { [`${gc}root`]: "1", [`${gc}ref.content`]: digestOf(9) }),
    goes: (tx) => snapshot(tx, "root", { [`${gc}root`]: "1" }),
    isThere: hasBlob,
  },
  {
    what: "a snapshot's parent",
    stays: (tx) => snapshot(tx, "root", { [`${gc}root`]: "1" }, "nine"),
    goes: (tx) => snapshot(tx, "root", { [`${gc}root`]: "1" }),
    isThere: hasSnapshot,
  },
  ...([["blob", hasBlob], ["snapshot", hasSnapshot]] as const).flatMap(([thing, isThere]): Case[] => [
    {
      what: `gc.root on a ${thing}`,
      stays: own({ [`${gc}root`]: "any" }),
      goes: own({ [`${gc}roots`]: "any" }),
      isThere,
    },
    {
      what: `gc.expire on a ${thing}`,
      stays: own({ [`${gc}expire`]: future! }),
      goes: own({ [`${gc}expire`]: past! }),
      isThere,
    },
    {
      what: `gc.bref.image on a ${thing}`,
      stays: (tx) => (image(tx), own({ [`${gc}bref.image`]: "i" })(tx)),
      goes: (tx) => (image(tx), own({ [`${gc}bref.image`]: "other" })(tx)),
      isThere,
    },
    {
      what: `gc.bref.container on a ${thing}`,
      stays: (tx) => (container(tx), own({ [`${gc}bref.container.x`]: "c" })(tx)),
      goes: (tx) => (container(tx), own({ [`${gc}bref.container.x`]: "other" })(tx)),
      isThere,
    },
    {
      what: `gc.bref.content on a ${thing}`,
      stays: (tx) => (nothing(tx), own({ [`${gc}bref.content/x`]: digestOf(1) })(tx)),
      goes: (tx) => (nothing(tx), own({ [`${gc}bref.content/x`]: digestOf(2) })(tx)),
      isThere,
    },
    {
      what: `gc.bref.snapshot on a ${thing}`,
      stays: (
        tx,
      ) => (snapshot(tx, "root", { [`${gc}root`]: "1" }),
        own({ [`${gc}bref.snapshot.overlayfs`]: "root" })(tx)),
      goes: (tx) => (snapshot(tx, "root"), own({ [`${gc}bref.snapshot.overlayfs`]: "root" })(tx)),
      isThere,
    },
  ]),
  {
    what: "a lease's content",
    stays: (tx) => lease(tx, {}, [["content", digestOf(9)]]),
    goes: (tx) => lease(tx, { [`${gc}expire`]: past! }, [["content", digestOf(9)]]),
    isThere: hasBlob,
  },
  {
    what: "a lease's snapshot",
    stays: (tx) => lease(tx, { [`${gc}expire`]: future! }, [["snapshots/overlayfs", "nine"]]),
    goes: (tx) => lease(tx, {}, [["snapshots/native", "nine"]]),
    isThere: hasSnapshot,
  },
  {
    what: "what a lease's content refers to, unless it is flat",
    stays: (
      tx,
    ) => (lease(tx, {}, [["content", digestOf(1)]]), blob(tx, 1, { [`${gc}ref.content`]: digestOf(9) })),
    goes: (tx) => (
      lease(tx, { [`${gc}flat`]: "" }, [["content", digestOf(1)]]),
        blob(tx, 1, { [`${gc}ref.content`]: digestOf(9) })
    ),
    isThere: hasBlob,
  },
  {
    what: "parents of a flat lease's snapshot stay, what its labels name doesn't",
    stays: (tx) => (
      lease(tx, { [`${gc}flat`]: "" }, [["snapshots/overlayfs", "top"]]), snapshot(tx, "top", {}, "nine")
    ),
    goes: (tx) => (
      lease(tx, { [`${gc}flat`]: "" }, [["snapshots/overlayfs", "top"]]),
        snapshot(tx, "top", { [`${gc}ref.snapshot.overlayfs`]: "nine" })
    ),
    isThere: hasSnapshot,
  },
  {
    what: "an ingest under way, and the blob it expects",
    stays: (tx) => ingest(tx, {}),
    goes: (tx) => ingest(tx, { startedAt: Date.now() - 25 * 3600_000 }),
    isThere: (db) => hasIngest(db) && hasBlob(db),
  },
  {
    what: "an old ingest whose lease lives",
    stays: (tx) => (lease(tx), ingest(tx, { lease: "l", startedAt: 0 })),
    goes: (tx) => ingest(tx, { lease: "l", startedAt: 0 }),
    isThere: hasIngest,
  },
];

async function leaves({ isThere }: Case, make: (tx: Transaction) => void): Promise<boolean> {
  await using s = await scratch();
  await s.db.write((tx) => {
    blob(tx, 9);
    snapshot(tx, "nine");
    make(tx);
  });
  assert.ok(hasBlob(s.db) && hasSnapshot(s.db));
  const collector = new GarbageCollector(s.db, [], { ...never, publisher: s.publisher });
  const wouldGo = await collector.find();
  await collector.run();
  await collector.close();
  assert.equal(
    wouldGo.some(({ key }) => key.includes(digestOf(9))),
    !hasBlob(s.db),
    "find tells what run does",
  );
  return isThere(s.db);
}

for (const one of cases) {
  Deno.test(`kept: ${one.what}`, async () => {
    assert.equal(await leaves(one, one.stays), true);
    assert.equal(await leaves(one, one.goes), false);
  });
}
