import assert from "node:assert/strict";
import { Client } from "../../../lib/client/mod.ts";
import { busyboxImage, push, Scratch, startLongshore, startRegistry } from "../../harness/mod.ts";

Deno.test("containers that are made keep their snapshots while others' ends bring collections", async () => {
  await using scratch = await Scratch.make();
  await using registry = await startRegistry();
  const reference = await push(await busyboxImage(scratch), registry, "busybox:latest");
  await using daemon = await startLongshore();
  await using client = await Client.connect(daemon.address);
  const image = await client.pull(reference, { plainHttp: true });
  const make = async (n: number) => {
    const container = await client.newContainer(`collected${n}`, { image, args: ["true"] });
    const task = await container.newTask();
    await task.start();
    assert.equal((await task.wait()).code, 0);
    await task.delete();
    await container.delete();
  };
  for (let round = 0; round < 5; round++) await Promise.all([0, 1, 2, 3].map(make));
  assert.deepEqual((await Array.fromAsync(client.snapshots())).filter(({ parent }) => parent !== ""), []);
});
