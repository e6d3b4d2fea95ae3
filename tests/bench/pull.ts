/** Rows: pull and unpack of five layers by each side's ctr, and how long others wait meanwhile. */
import { VersionDefinition } from "../../lib/api/services/version/v1/version.ts";
import { connectGrpc } from "../../lib/rpc/grpc/client.ts";
import type { Channel } from "../../lib/rpc/service.ts";
import { startRegistry } from "../harness/mod.ts";
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

/**
 * How long a small call, made every 5 ms, takes while an image is pulled and unpacked, exported, pushed and imported:
 * the slowest of a hundred.
 */
export async function measureLatency(bench: Bench): Promise<Row[]> {
  const reference = await bench.layered();
  await using theirs = await connectGrpc(bench.sides.theirs.address);
  await using ours = await connectGrpc(bench.sides.ours.address);
  const channels = { theirs, ours };
  const waited = new Map<string, Record<Side, number[]>>();
  await alternate(2, async (side) => {
    // Empty, so that all is sent to it.
    await using registry = await startRegistry({ where: "shm" });
    const places = { archive: bench.path(`latency-${side}.tar`), host: registry.host };
    for (const [work, args] of Object.entries(transfers(reference, places))) {
      let done = false;
      const working = bench.sides.ctr(side, "images", ...args).finally(() => done = true);
      working.catch(() => {});
      const of = waited.get(work) ?? { ours: [], theirs: [] };
      waited.set(work, of);
      of[side].push(...await callUntil(channels[side], () => done));
      await working;
      if (work === "is exported") await remove(bench.sides, side, reference);
    }
    await remove(bench.sides, side, reference);
    return 0;
  });
  return [...waited].map(([work, { ours, theirs }]) => ({
    work: `unary API call while an image ${work}, p99`,
    unit: "ms",
    ours: quantile(ours, 0.99),
    theirs: quantile(theirs, 0.99),
    budget: { atMost: 20, of: "itself" },
  }));
}

/** What is done to the image of five layers, one after the other. */
function transfers(
  reference: string,
  { archive, host }: { archive: string; host: string },
): Record<string, string[]> {
  return {
    "unpacks": ["pull", "--plain-http", reference],
    "is pushed": ["push", "--plain-http", `${host}/latency:latest`, reference],
    "is exported": ["export", archive, reference],
    "is imported": ["import", archive],
  };
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
