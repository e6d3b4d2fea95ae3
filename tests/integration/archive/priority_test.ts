/** Workers with much to do, beside whom the daemon has to answer. */
import assert from "node:assert/strict";
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

Deno.test("a layer's Worker lets the first thread go first, which stays as it is", async () => {
  await using scratch = await Scratch.make("shm");
  const file = scratch.join("layer");
  await Deno.writeFile(file, new Uint8Array(1024));
  await using workers = new LayerWorkers({ count: 1 });
  const before = niceValues().first;
  await workers.run({ source: { file }, mediaType: "application/vnd.oci.image.layer.v1.tar" });
  const { first, workers: others } = niceValues();
  assert.equal(first, before);
  assert.deepEqual(others, [Math.min(first + 5, 19)]);
});
