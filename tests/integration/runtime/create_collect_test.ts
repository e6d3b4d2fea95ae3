import assert from "node:assert/strict";
import { Client } from "../../../lib/client/mod.ts";
import { busyboxImage, push, Scratch, startLongshore, startRegistry } from "../../harness/mod.ts";

Deno.test("a container keeps its snapshot when a collection runs while it is made", async () => {
  await using scratch = await Scratch.make();
  await using registry = await startRegistry();
  const reference = await push(await busyboxImage(scratch), registry, "busybox:latest");
  await using daemon = await startLongshore();
  await using client = await Client.connect(daemon.address);
  const image = await client.pull(reference, { plainHttp: true });
  // Options of the spec are asked after the snapshot is made, and before the record that refers to it.
  const collect = async () => await (await client.lease()).delete({ sync: true });
  await using container = await client.newContainer("collected", { image, args: ["true"], spec: [collect] });
  await using task = await container.newTask();
  await task.start();
  assert.equal((await task.wait()).code, 0);
});
