/** Row: how long after a process's end its event is there, with 200 containers running. */
import { Client } from "../../lib/client/mod.ts";
import { connectGrpc } from "../../lib/rpc/grpc/client.ts";
import { connectTtrpc } from "../../lib/rpc/ttrpc/client.ts";
import { TaskExit } from "../../lib/api/events/task.ts";
import { EventsDefinition } from "../../lib/api/services/events/v1/events.ts";
import { TasksDefinition } from "../../lib/api/services/tasks/v1/tasks.ts";
import type { Bench } from "./bench.ts";
import { quantile, type Row, type Side } from "./rows.ts";

const count = 200;

/** From the signal that kills a process to its event at a client: the slowest of a hundred. */
export async function measureExits({ sides, image }: Bench): Promise<Row[]> {
  const waited: Record<Side, number[]> = { ours: [], theirs: [] };
  for (const side of ["theirs", "ours"] as const) {
    const loop =
      `n=0; while [ $n -lt ${count} ]; do "$@" run -d --null-io ${image} exit$n sleep 1000; n=$((n+1)); done`;
    await sides.script(side, loop);
    await using client = Client.over(
      side === "ours"
        ? await connectTtrpc(`${sides.ours.address}.ttrpc`)
        : await connectGrpc(sides.theirs.address),
    );
    waited[side] = await latencies(client);
    for (const container of await client.containers()) {
      if (container.id.startsWith("exit")) await container.delete();
    }
  }
  return [{
    work: `exit of a process to its event, ${count} containers, p99`,
    unit: "ms",
    ours: quantile(waited.ours, 0.99),
    theirs: quantile(waited.theirs, 0.99),
    budget: { atMost: 20, of: "itself" },
  }];
}

async function latencies(client: Client): Promise<number[]> {
  const stop = new AbortController();
  const arrived = new Map<string, PromiseWithResolvers<number>>();
  const arrival = (id: string) => {
    const known = arrived.get(id) ?? Promise.withResolvers<number>();
    arrived.set(id, known);
    return known;
  };
  const events = client.stub(EventsDefinition).subscribe({ filters: [`topic=="/tasks/exit"`] }, {
    signal: stop.signal,
  });
  const reading = (async () => {
    for await (const { event } of events) {
      arrival(TaskExit.decode(event!.value).containerId).resolve(performance.now());
    }
  })().catch(() => {});
  const tasks = client.stub(TasksDefinition);
  const all = (await tasks.list({})).tasks.filter(({ id }) => id.startsWith("exit"));
  const waited: number[] = [];
  for (const { id, pid } of all) {
    const start = performance.now();
    Deno.kill(pid, "SIGKILL");
    waited.push(await arrival(id).promise - start);
    await tasks.delete({ containerId: id });
  }
  stop.abort();
  await reading;
  return waited;
}
