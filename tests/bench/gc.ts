/** Row: how long small calls wait while garbage of 10,000 images is collected. */
import { Image, ImagesDefinition } from "../../lib/api/services/images/v1/images.ts";
import { LeasesDefinition } from "../../lib/api/services/leases/v1/leases.ts";
import { SnapshotsDefinition } from "../../lib/api/services/snapshots/v1/snapshots.ts";
import { Client } from "../../lib/client/mod.ts";
import { inLanes } from "../../lib/push/mod.ts";
import { connectGrpc } from "../../lib/rpc/grpc/client.ts";
import { connectTtrpc } from "../../lib/rpc/ttrpc/client.ts";
import { complete } from "../../lib/rpc/service.ts";
import { digestOf } from "../integration/push/real.ts";
import type { Bench } from "./bench.ts";
import { type Row, type Side, timed } from "./rows.ts";
import { Sides } from "./sides.ts";

const many = 10_000;
const lease = "making";
const pause = 1;

/**
 * The longest wait of a call, one that reads and one that writes in turn, while half of 10,000 images, each with a
 * blob and a snapshot of its own, are removed and collected. Measured once, in daemons just started.
 */
export async function measureGc(_bench: Bench): Promise<Row[]> {
  await using sides = await Sides.start();
  const longest: Record<Side, number> = { ours: 0, theirs: 0 };
  for (const side of ["theirs", "ours"] as const) longest[side] = await measureSide(sides, side);
  const work = "longest wait of a call while 5,000 of 10,000 images are collected";
  return [{ work, unit: "ms", ...longest, budget: { atMost: 50, of: "itself" } }];
}

async function measureSide(sides: Sides, side: Side): Promise<number> {
  const client = async () =>
    Client.over(
      side === "ours"
        ? await connectTtrpc(`${sides.ours.address}.ttrpc`)
        : await connectGrpc(sides.theirs.address),
      { namespace: "gc" },
    );
  await using worker = await client();
  await using caller = await client();
  const leases = worker.stub(LeasesDefinition);
  await leases.create({ id: lease, labels: {} });
  const numbers = Array.from({ length: many }, (_, n) => n);
  await inLanes(numbers, { lanes: 16 }, (n) => makeImage(worker, n));
  await leases.delete({ id: lease, sync: true });

  let done = false;
  const { delete: remove } = worker.stub(ImagesDefinition);
  // Only the last waits for a collection; others run when they are due.
  const collecting = inLanes(numbers.slice(0, many / 2), { lanes: 1 }, async (n) => {
    await remove({ name: nameOf(n), sync: n === many / 2 - 1 });
  }).finally(() => done = true);
  collecting.catch(() => {});
  const waited = await callUntil(caller, nameOf(many - 1), () => done);
  await collecting;
  return waited.reduce((longest, one) => Math.max(longest, one), 0);
}

const nameOf = (n: number) => `example.test/image:${n}`;

/** An image of one blob, which leads to a snapshot. */
async function makeImage(client: Client, n: number): Promise<void> {
  const held = { lease };
  const snapshots = client.stub(SnapshotsDefinition, held);
  const snapshotter = "overlayfs";
  await snapshots.prepare({ snapshotter, key: `making-${n}`, parent: "" });
  await snapshots.commit({ snapshotter, key: `making-${n}`, name: `layer-${n}` });
  const blob = new TextEncoder().encode(`{"image": ${n}}`);
  const digest = digestOf(blob);
  const labels = { "containerd.io/gc.ref.snapshot.overlayfs": `layer-${n}` };
  await client.content.write(`blob-${n}`, [blob], { expected: digest, size: blob.length, labels, ...held });
  const target = { mediaType: "application/json", digest, size: BigInt(blob.length), annotations: {} };
  await client.stub(ImagesDefinition).create({ image: complete(Image, { name: nameOf(n), target }) });
}

async function callUntil(client: Client, name: string, isDone: () => boolean): Promise<number[]> {
  const { get, update } = client.stub(ImagesDefinition);
  const { image } = await get({ name });
  const waited: number[] = [];
  while (!isDone()) {
    waited.push(await timed(() => get({ name })));
    image!.labels = { count: String(waited.length) };
    waited.push(await timed(() => update({ image, updateMask: ["labels.count"] })));
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return waited;
}
