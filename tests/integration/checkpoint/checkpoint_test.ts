/** Checkpoints with a real CRIU: a container goes on where it was, with its memory and its files. */
import assert from "node:assert/strict";
import { Client } from "../../../mod.ts";
import { busyboxImage, push, Scratch, startLongshore, startRegistry } from "../../harness/mod.ts";
import { pathWithCriu } from "../../harness/criu.ts";
import { findLeaks } from "../../harness/leaks.ts";
import type { Longshore } from "../../harness/mod.ts";

const path = pathWithCriu();
const ignore = path === undefined;
/** Counts in a variable of its own, and tells the number in a file. */
const counter = ["sh", "-c", "n=0; while true; do echo $n > /n; n=$((n+1)); sleep 0.1; done"];

type Tool = (args: string[]) => ReturnType<Longshore["ctr"]>;

/** A daemon with an image, and both programs in a namespace that no other daemon uses. */
async function withDaemon(
  work: (
    given: { daemon: Longshore; image: string; ours: Tool; theirs: Tool; namespace: string },
  ) => Promise<void>,
  env: Record<string, string> = { PATH: path! },
): Promise<void> {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  const image = await push(await busyboxImage(scratch), registry, "busybox:1");
  const namespace = `checkpoint-${crypto.randomUUID().slice(0, 8)}`;
  let state = "";
  {
    await using daemon = await startLongshore({ where: "shm", env });
    state = daemon.state;
    const ours: Tool = (args) => daemon.ctr(["-n", namespace, ...args]);
    const theirs: Tool = (args) => daemon.goCtr(["-n", namespace, ...args]);
    await good(ours(["images", "pull", image]));
    await work({ daemon, image, ours, theirs, namespace });
    for (const id of (await good(ours(["containers", "ls", "-q"]))).split("\n").filter(Boolean)) {
      await ours(["tasks", "rm", "--force", id]);
      await good(ours(["containers", "rm", id]));
    }
  }
  assert.deepEqual(await findLeaks({ path: state, cgroup: namespace }), []);
}

async function good(run: ReturnType<Tool>): Promise<string> {
  const { code, stdout, stderr } = await run;
  assert.equal(code, 0, stderr);
  return stdout;
}

/** The counter's number; it may be about to be written. */
async function count(ctr: Tool, id: string): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const args = ["tasks", "exec", "--exec-id", `x${crypto.randomUUID()}`, id, "cat", "/n"];
    const { stdout } = await ctr(args);
    if (/^\d+$/.test(stdout.trim())) return Number(stdout);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${id} does not count`);
}

async function countTo(ctr: Tool, id: string, least: number): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const n = await count(ctr, id);
    if (n >= least) return n;
  }
  throw new Error(`${id} does not get to ${least}`);
}

/** For both programs: a checkpoint that ends the container, and another container that goes on from it. */
for (const program of ["ours", "theirs"] as const) {
  const name = program === "ours" ? "our ctr" : "Go's ctr";
  Deno.test(
    { name: `${name}: a container goes on from a checkpoint, memory and files`, ignore },
    async () => {
      await withDaemon(async (given) => {
        const ctr = given[program];
        await good(ctr(["run", "-d", given.image, "first", ...counter]));
        const before = await countTo(given.ours, "first", 5);
        await good(
          ctr(["containers", "checkpoint", "--rw", "--image", "--task", "first", "example.com/kept:1"]),
        );
        assert.ok(await countTo(given.ours, "first", before + 1) > before, "it went on meanwhile");
        await good(given.ours(["tasks", "rm", "--force", "first"]));
        await good(given.ours(["containers", "rm", "first"]));
        await good(ctr(["containers", "restore", "--rw", "--live", "second", "example.com/kept:1"]));
        const after = await count(given.ours, "second");
        assert.ok(after >= before, `${after} after ${before}`);
        await countTo(given.ours, "second", after + 1);
        assert.match(await good(given.ours(["tasks", "ls"])), /second +\d+ +RUNNING/);
      });
    },
  );
}

Deno.test(
  { name: "tasks checkpoint --exit ends the task and names an image; all of it is told", ignore },
  async () => {
    await withDaemon(async ({ ours, image, theirs }) => {
      await good(ours(["run", "-d", image, "first", ...counter]));
      await countTo(ours, "first", 3);
      const name = (await good(ours(["tasks", "checkpoint", "--exit", "first"]))).trim();
      assert.match(name, /^containerd\.io\/checkpoint\/first:\d\d-\d\d-\d{4}-\d\d:\d\d:\d\d$/);
      assert.match(await good(ours(["tasks", "ls"])), /STOPPED/);
      assert.match(await good(ours(["images", "ls"])), /containerd\.io\/checkpoint=true/);
      assert.match(await good(theirs(["images", "ls"])), /containerd\.io\/checkpoint=true/);
      await good(ours(["containers", "restore", "--live", "--rw", "second", name]));
      assert.ok(await count(ours, "second") >= 3);
      await good(ours(["run", "-d", "--checkpoint", name, image, "third"]));
      assert.ok(await count(ours, "third") >= 3);
    });
  },
);

Deno.test(
  { name: "a checkpoint is pushed, and a container goes on from it at another daemon", ignore },
  async () => {
    await using registry = await startRegistry({ where: "shm" });
    const kept = `${registry.host}/kept:1`;
    let [before, base] = [0, ""];
    await withDaemon(async ({ ours, image }) => {
      base = image;
      await good(ours(["run", "-d", image, "first", ...counter]));
      before = await countTo(ours, "first", 5);
      await good(ours(["containers", "checkpoint", "--rw", "--image", "--task", "first", kept]));
      await good(ours(["images", "push", kept]));
    });
    await withDaemon(async ({ ours, image }) => {
      await good(ours(["images", "pull", kept]));
      // A checkpoint only says what its base image is called: which one that is, whoever restores it decides.
      await good(ours(["images", "tag", image, base]));
      await good(ours(["containers", "restore", "--rw", "--live", "second", kept]));
      const after = await count(ours, "second");
      assert.ok(after >= before, `${after} after ${before}`);
      await countTo(ours, "second", after + 1);
    });
  },
);

Deno.test(
  { name: "tasks checkpoint --image-path writes CRIU's files into a directory", ignore },
  async () => {
    await using scratch = await Scratch.make("shm");
    await withDaemon(async ({ ours, image }) => {
      await good(ours(["run", "-d", image, "first", ...counter]));
      assert.equal(
        await good(ours(["tasks", "checkpoint", "--image-path", scratch.join("files"), "first"])),
        "",
      );
      const files = (await Array.fromAsync(Deno.readDir(scratch.join("files")))).map(({ name }) => name);
      assert.ok(files.includes("inventory.img"), files.join(" "));
      assert.doesNotMatch(await good(ours(["images", "ls", "-q"])), /checkpoint/);
      await countTo(ours, "first", 1);
    });
  },
);

Deno.test(
  { name: "the library makes checkpoints and goes on from them, with streams of its own", ignore },
  async () => {
    await withDaemon(async ({ daemon, image: name, namespace }) => {
      await using client = await Client.connect(daemon.address, { namespace });
      await using container = await client.newContainer("first", {
        image: await client.image(name),
        args: counter,
      });
      await using task = await container.newTask();
      await task.start();
      await new Promise((resolve) => setTimeout(resolve, 500));
      await container.checkpoint("example.com/kept:2", { task: { exit: true }, image: true, rw: true });
      assert.equal((await task.wait()).code, 137);
      const restored = await client.restore("second", "example.com/kept:2", { rw: true });
      await using again = restored.container;
      await using second = await again.newTask(undefined, { checkpoint: restored.task });
      assert.equal(second.pid, 0, "its processes come with its start");
      await second.start();
      assert.equal(await second.state(), "running");
      await second.kill("SIGKILL");
      assert.equal((await second.wait()).code, 137);
    });
  },
);

Deno.test(
  {
    name:
      "whoever deletes a task as soon as it has ended, as dockerd does, takes nothing from its checkpoint",
    ignore,
  },
  async () => {
    await withDaemon(async ({ daemon, image: name, namespace, ours }) => {
      await using client = await Client.connect(daemon.address, { namespace });
      // So much memory that it isn't stored yet when the task has ended.
      const large = ["sh", "-c", `x=$(head -c 30000000 /dev/urandom | base64); ${counter[2]}`];
      await using container = await client.newContainer("first", {
        image: await client.image(name),
        args: large,
      });
      const task = await container.newTask();
      await task.start();
      await countTo(ours, "first", 1);
      const checkpoint = container.checkpoint("example.com/kept:4", {
        task: { exit: true },
        image: true,
        rw: true,
      });
      await task.wait();
      await task.delete();
      await checkpoint;
      const { container: restored, task: from } = await client.restore("second", "example.com/kept:4", {
        rw: true,
      });
      await using second = restored;
      await using again = await second.newTask(undefined, { checkpoint: from });
      await again.start();
      assert.ok(await count(ours, "second") >= 1);
    });
  },
);

const refusals: Record<string, { args: (image: string) => string[]; says: RegExp }> = {
  "an image that is none": {
    args: (image) => ["containers", "restore", "--live", "x", image],
    says: /^ctr: image \S+ is not a checkpoint: /m,
  },
  "a name that isn't there": {
    args: () => ["containers", "restore", "x", "example.com/nosuch:1"],
    says: /^ctr: image "example.com\/nosuch:1": not found/m,
  },
  "a task that isn't there": {
    args: () => ["tasks", "checkpoint", "nosuch"],
    says: /^ctr: container "nosuch".*not found/m,
  },
};

Deno.test(
  { name: "what can't be checkpointed or restored is refused in a line, and leaves nothing", ignore },
  async () => {
    await withDaemon(async ({ ours, image }) => {
      for (const { args, says } of Object.values(refusals)) {
        const { code, stderr } = await ours(args(image));
        assert.equal(code, 1);
        assert.match(stderr, says);
        assert.equal(await good(ours(["containers", "ls", "-q"])), "");
      }
    });
  },
);

Deno.test("without CRIU the error says what is missing, and the container goes on", async () => {
  // A directory with runc and nothing else of that kind.
  await using scratch = await Scratch.make("shm");
  const bin = scratch.join("bin");
  await Deno.mkdir(bin);
  for (
    const tool of ["runc", "sh", "tail", "head", "gzip", "mktemp", "mkdir", "cat", "wc", "tar", "rm", "mv"]
  ) {
    const found = ["/usr/sbin", "/usr/bin", "/bin", "/sbin"].map((dir) => `${dir}/${tool}`);
    await Deno.symlink(found.find((file) => exists(file))!, `${bin}/${tool}`);
  }
  await withDaemon(async ({ ours, image, namespace, daemon }) => {
    await good(ours(["run", "-d", image, "first", ...counter]));
    const { code, stderr } = await ours(["tasks", "checkpoint", "first"]);
    assert.equal(code, 1);
    assert.match(stderr, /criu/);
    assert.match(stderr, /install criu/);
    assert.match(await good(ours(["tasks", "ls"])), /first +\d+ +RUNNING/);
    await using client = await Client.connect(daemon.address, { namespace });
    await assert.rejects(
      client.container("first").checkpoint("example.com/kept:3", { task: {} }),
      /criu/,
    );
    assert.doesNotMatch(await good(ours(["images", "ls", "-q"])), /kept/);
  }, { PATH: bin });
});

function exists(file: string): boolean {
  try {
    return Deno.statSync(file).isFile;
  } catch {
    return false;
  }
}
