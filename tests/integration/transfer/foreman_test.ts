/** The Worker that starts the others. */
import assert from "node:assert/strict";
import { Foreman, LayerWorkers } from "../../../lib/transfer/mod.ts";
import { Scratch } from "../../harness/mod.ts";

const MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar";
const helper = new URL("./foreman_helper.ts", import.meta.url);

/** Nice values of this process's first thread and of its Workers. */
function niceValues(): { first: number; workers: number[] } {
  const tasks = [...Deno.readDirSync("/proc/self/task")].map(({ name }) => name);
  const nice = (id: number | string) =>
    Number(Deno.readTextFileSync(`/proc/self/task/${id}/stat`).split(") ")[1]!.split(" ")[16]);
  const isWorker = (id: string) => Deno.readTextFileSync(`/proc/self/task/${id}/comm`).startsWith("worker-");
  return { first: nice(Deno.pid), workers: tasks.filter(isWorker).map(nice) };
}

async function eventually(what: string, isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`never: ${what}`);
}

Deno.test("a Worker of a foreman is spoken to as any other, and ends when it is told", async () => {
  using foreman = new Foreman();
  const hand = foreman.start(helper);
  const answer = Promise.withResolvers<unknown>();
  hand.onmessage = ({ data }) => answer.resolve(data);
  hand.postMessage({ say: "hello" });
  assert.equal(await answer.promise, "hello");
  assert.equal(niceValues().workers.length, 2);
  hand.terminate();
  await eventually("its thread ends", () => niceValues().workers.length === 1);
});

Deno.test("a crash is told, and the foreman starts others", async () => {
  using foreman = new Foreman();
  const hand = foreman.start(helper);
  const crash = Promise.withResolvers<string>();
  hand.oncrash = crash.resolve;
  hand.postMessage({ fail: "on purpose" });
  assert.match(await crash.promise, /on purpose/);
  const other = foreman.start(helper);
  const answer = Promise.withResolvers<unknown>();
  other.onmessage = ({ data }) => answer.resolve(data);
  other.postMessage({ say: "again" });
  assert.equal(await answer.promise, "again");
});

Deno.test("who has much to do lets the first thread go first, and all end with the foreman", async () => {
  await eventually("other tests' Workers have ended", () => niceValues().workers.length === 0);
  await using scratch = await Scratch.make("shm");
  const file = scratch.join("layer");
  await Deno.writeFile(file, new Uint8Array(1024));
  {
    using foreman = new Foreman();
    await using workers = new LayerWorkers({ count: 1, start: foreman.start });
    await workers.run({ source: { file }, mediaType: MEDIA_TYPE });
    const { first, workers: nicer } = niceValues();
    const expected = Math.min(first + 5, 19);
    assert.deepEqual(nicer, [expected, expected], "the foreman and its Worker, one no more than the other");
  }
  await eventually("their threads end", () => niceValues().workers.length === 0);
});
