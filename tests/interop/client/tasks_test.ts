import assert from "node:assert/strict";
import { Captured, type Client, type Image, usageOf, withEnv, withHostname } from "../../../mod.ts";
import { busyboxImage, push, Scratch, startRegistry } from "../../harness/mod.ts";
import { allTargets } from "./targets.ts";

interface Given {
  client: Client;
  image: Image;
}

const sleeping = ["sleep", "1000"];

const bodies: Record<string, (given: Given) => Promise<void>> = {
  "runs a command and gives its output and exit code": async ({ client, image }) => {
    const args = ["sh", "-c", "echo $A; hostname; echo err >&2; exit 7"];
    const spec = [withEnv(["A=b"]), withHostname("there")];
    await using container = await client.newContainer("c1", { image, args, spec, labels: { x: "y" } });
    assert.equal((await container.info()).labels.x, "y");
    assert.equal((await container.label({ x: "", z: "1" })).z, "1");
    assert.equal((await container.info()).labels.x, undefined);
    const io = new Captured();
    await using task = await container.newTask(io);
    assert.ok(await task.start() > 0);
    assert.equal((await task.wait()).code, 7);
    assert.deepEqual([io.stdout, io.stderr], ["b\nthere\n", "err\n"]);
    assert.equal((await task.delete()).code, 7);
  },
  "feeds a command's input, to its end": async ({ client, image }) => {
    await using container = await client.newContainer("c2", { image, args: ["cat"] });
    const io = new Captured({ stdin: "typed\n" });
    await using task = await container.newTask(io);
    await task.start();
    assert.equal((await task.wait()).code, 0);
    assert.equal(io.stdout, "typed\n");
  },
  "keeps no more of a command's output than it may (CVE-2022-31030)": async ({ client, image }) => {
    await using container = await client.newContainer("c4", { image, args: sleeping });
    await using task = await container.newTask();
    await task.start();
    const io = new Captured({ limit: 1000 });
    await using process = await task.exec("e1", { args: ["head", "-c", "50000000", "/dev/zero"], io });
    await process.start();
    assert.equal((await process.wait()).code, 0);
    assert.equal(io.stdout.length, 1000);
    const usual = new Captured();
    await using second = await task.exec("e2", { args: ["head", "-c", "50000000", "/dev/zero"], io: usual });
    await second.start();
    assert.equal((await second.wait()).code, 0);
    assert.equal(usual.stdout.length, 1 << 20);
  },
  "executes, lists, pauses and kills": async ({ client, image }) => {
    await using container = await client.newContainer("c3", { image, args: sleeping });
    await using task = await container.newTask();
    const pid = await task.start();
    assert.deepEqual(await task.pids(), [pid]);
    const io = new Captured();
    await using process = await task.exec("e1", { args: ["sh", "-c", "echo hi; exit 5"], io });
    await process.start();
    assert.equal((await process.wait()).code, 5);
    assert.equal(io.stdout, "hi\n");
    await task.pause();
    assert.equal(await task.state(), "paused");
    await task.resume();
    assert.equal(await task.state(), "running");
    await assert.rejects(task.wait({ signal: AbortSignal.abort() }));
    await assert.rejects(task.wait({ signal: AbortSignal.timeout(100) }));
    await task.kill("SIGKILL");
    assert.equal((await task.wait()).code, 137);
    assert.equal(await task.state(), "stopped");
  },
  "tells what a task uses, and changes its limits": async ({ client, image }) => {
    await using container = await client.newContainer("c4", { image, args: sleeping });
    await using task = await container.newTask();
    await task.start();
    await task.update({ memory: { limit: 64 << 20 }, pids: { limit: 77 } });
    const found = await task.metrics();
    assert.equal(found.id, "c4");
    const { memoryLimit, memory, pids } = usageOf(found);
    assert.equal(memoryLimit, 64n << 20n);
    assert.ok(pids > 0n && memory > 0n && memory < memoryLimit);
    await assert.rejects(task.update({ memory: { limit: 4096 } }), /unable to set memory limit to 4096/);
    await assert.rejects((await client.container("nosuch")).task(), /not found/);
  },
};

for (const [target, start] of Object.entries(allTargets)) {
  Deno.test(`the library runs containers with ${target}`, async (t) => {
    await using scratch = await Scratch.make("shm");
    await using registry = await startRegistry({ where: "shm" });
    const name = await push(await busyboxImage(scratch), registry, "busybox:1");
    await using daemon = await start();
    await using client = await daemon.connect("interop");
    const image = await client.pull(name);
    const before = (await Array.fromAsync(client.snapshots())).map(({ name }) => name);
    for (const [what, body] of Object.entries(bodies)) {
      await t.step(what, async () => {
        await body({ client, image });
        assert.deepEqual(await client.containers(), [], "no container is left");
        const after = (await Array.fromAsync(client.snapshots())).map(({ name }) => name);
        assert.deepEqual(after, before, "no snapshot is left");
      });
    }
  });
}
