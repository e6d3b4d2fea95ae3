/** Rows: pull and unpack of five layers by each side's ctr, and how long others wait meanwhile. */
import { VersionDefinition } from "../../lib/api/services/version/v1/version.ts";
import { connectGrpc } from "../../lib/rpc/grpc/client.ts";
import type { Channel } from "../../lib/rpc/service.ts";
import type { Bench } from "./bench.ts";
import { alternate, quantile, type Row, type Side, timed } from "./rows.ts";
import type { Sides } from "./sides.ts";

const every = 5;

/** Pull and unpack of five layers. */
export async function measurePull(bench: Bench): Promise<Row[]> {
  const reference = await bench.layered();
  const pulled = await alternate(7, async (side) => {
    const milliseconds = await timed(() => pull(bench.sides, side, reference));
    await remove(bench.sides, side, reference);
    return milliseconds / 1000;
  });
  const budget = { atMost: 0.34, of: "theirs" } as const;
  return [{ work: "pull and unpack, 5 layers, 255 MB gz, 900 MB, 26k files", unit: "s", ...pulled, budget }];
}

/** How long a small call, made every 5 ms, takes while an image is pulled and unpacked: the slowest of a hundred. */
export async function measureLatency(bench: Bench): Promise<Row[]> {
  const reference = await bench.layered();
  const waited: Record<Side, number[]> = { ours: [], theirs: [] };
  await using theirs = await connectGrpc(bench.sides.theirs.address);
  // Not closed: see Sides.
  const channels = { theirs, ours: await connectGrpc(bench.sides.ours.address) };
  await alternate(2, async (side) => {
    let done = false;
    const pulling = pull(bench.sides, side, reference).finally(() => done = true);
    pulling.catch(() => {});
    waited[side].push(...await callUntil(channels[side], () => done));
    await pulling;
    await remove(bench.sides, side, reference);
    return 0;
  });
  return [{
    work: "unary API call while an image unpacks, p99",
    unit: "ms",
    ours: quantile(waited.ours, 0.99),
    theirs: quantile(waited.theirs, 0.99),
    budget: { atMost: 20, of: "itself" },
  }];
}

async function callUntil(channel: Channel, isDone: () => boolean): Promise<number[]> {
  const { version } = channel.stub(VersionDefinition);
  const waited: number[] = [];
  while (!isDone()) {
    waited.push(await timed(() => version({})));
    await new Promise((resolve) => setTimeout(resolve, every));
  }
  return waited;
}

/** By a side's own ctr. */
export async function pull(sides: Sides, side: Side, reference: string): Promise<void> {
  await sides.ctr(side, "images", "pull", "--plain-http", reference);
}

/** Nothing of it stays: neither content nor snapshots, so that the next round does all the work again. */
export async function remove(sides: Sides, side: Side, reference: string): Promise<void> {
  await sides.ctr(side, "images", "rm", "--sync", reference);
  const left = (await sides.ctr(side, "snapshots", "ls")).split("\n").filter((line) =>
    /Committed/.test(line)
  );
  // The small image that other rows run has one.
  if (left.length > 1) throw new Error(`${side}: ${left.length} snapshots are left after images rm --sync`);
}
