/** Has a Worker take a layer, in a process of its own; tells how nice its threads are then. */
import { LayerWorkers } from "../../../lib/transfer/mod.ts";
import { Scratch } from "../../harness/mod.ts";

/** Nice values of this process's first thread and of its Workers. */
function niceValues(): { first: number; workers: number[] } {
  const tasks = [...Deno.readDirSync("/proc/self/task")].map(({ name }) => name);
  const nice = (id: number | string) =>
    Number(Deno.readTextFileSync(`/proc/self/task/${id}/stat`).split(") ")[1]!.split(" ")[16]);
  const isWorker = (id: string) => Deno.readTextFileSync(`/proc/self/task/${id}/comm`).startsWith("worker-");
  return { first: nice(Deno.pid), workers: tasks.filter(isWorker).map(nice) };
}

await using scratch = await Scratch.make("shm");
const file = scratch.join("layer");
await Deno.writeFile(file, new Uint8Array(1024));
await using workers = new LayerWorkers({ count: 1 });
const before = niceValues().first;
await workers.run({ source: { file }, mediaType: "application/vnd.oci.image.layer.v1.tar" });
console.log(JSON.stringify({ before, ...niceValues() }));
