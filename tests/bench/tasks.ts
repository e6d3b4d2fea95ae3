/** Rows: tasks a second, by our client library over gRPC on both sides, and over ttrpc to ours. */
import { SnapshotsDefinition } from "../../lib/api/services/snapshots/v1/snapshots.ts";
import { TasksDefinition } from "../../lib/api/services/tasks/v1/tasks.ts";
import type { Mount } from "../../lib/api/types/mount.ts";
import { Client } from "../../lib/client/mod.ts";
import { connectGrpc } from "../../lib/rpc/grpc/client.ts";
import { connectTtrpc } from "../../lib/rpc/ttrpc/client.ts";
import type { Bench } from "./bench.ts";
import { alternate, type Row, type Side, timed } from "./rows.ts";

const width = 8;
const each = 2;

/** A container whose task is made again and again. */
interface Place {
  containerId: string;
  rootfs: Mount[];
}

/** create+start+wait+delete of tasks, 8 in parallel and one at a time. */
export async function measureTasks({ sides, image }: Bench): Promise<Row[]> {
  await using theirs = Client.over(await connectGrpc(sides.theirs.address));
  await using ours = Client.over(await connectGrpc(sides.ours.address));
  await using light = Client.over(await connectTtrpc(`${sides.ours.address}.ttrpc`));
  const places: Record<Side, Place[]> = {
    theirs: await makePlaces(theirs, image),
    ours: await makePlaces(ours, image),
  };
  const clients = { theirs, ours };
  const rate = (client: Client, side: Side, many: number) => perSecond(client, places[side].slice(0, many));
  const rows: Row[] = [];
  for (const [many, name, atLeast] of [[width, "8 in parallel", 1.6], [1, "one at a time", 1.3]] as const) {
    const work = `create+start+wait+delete, ${name}`;
    const figures = await alternate(7, (side) => rate(clients[side], side, many));
    rows.push({ work, unit: "/s", ...figures, budget: { atLeast, of: "theirs" } });
    const lightFigures = await alternate(7, (side) => rate(side === "ours" ? light : theirs, side, many));
    rows.push({ work: `the same, ours over ttrpc`, unit: "/s", ...lightFigures });
  }
  for (const side of ["theirs", "ours"] as const) {
    for (const { containerId } of places[side]) await clients[side].container(containerId).delete();
  }
  return rows;
}

async function makePlaces(client: Client, reference: string): Promise<Place[]> {
  const image = await client.image(reference);
  const places: Place[] = [];
  for (let n = 0; n < width; n++) {
    const { id } = await client.newContainer(`bench${Deno.pid}-task${n}`, { image, args: ["true"] });
    const request = { snapshotter: "overlayfs", key: id };
    const { mounts } = await client.stub(SnapshotsDefinition).mounts(request);
    places.push({ containerId: id, rootfs: mounts });
  }
  return places;
}

async function perSecond(client: Client, places: Place[]): Promise<number> {
  const times = each * (places.length === 1 ? 3 : 1);
  const milliseconds = await timed(() =>
    Promise.all(places.map(async (place) => {
      for (let n = 0; n < times; n++) await runTask(client, place);
    }))
  );
  return places.length * times / milliseconds * 1000;
}

async function runTask(client: Client, { containerId, rootfs }: Place): Promise<void> {
  const tasks = client.stub(TasksDefinition);
  await tasks.create({ containerId, rootfs });
  const exited = tasks.wait({ containerId });
  exited.catch(() => {});
  await tasks.start({ containerId });
  const { exitStatus } = await exited;
  if (exitStatus !== 0) throw new Error(`the task of ${containerId} ended with ${exitStatus}`);
  await tasks.delete({ containerId });
}
