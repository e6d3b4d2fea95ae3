/** Events of kills for want of memory, as Go's ctr sees them. */
import assert from "node:assert/strict";
import { type Side, Sides, until } from "./sides.ts";

/**
 * What is run, in 8 MiB; and what is told of it, in our order. containerd's may tell of an exit first. Kills that come
 * together are told once, so the second one waits until the first was told.
 */
const lives: Record<string, { command: string[]; code: number; events: string[] }> = {
  first: {
    command: ["tail", "/dev/zero"],
    code: 137,
    events: ["create", "start", "oom", "exit", "delete"],
  },
  children: {
    command: ["sh", "-c", "tail /dev/zero; until [ -e /told ]; do sleep 0.02; done; tail /dev/zero; exit 3"],
    code: 3,
    events: ["create", "start", "oom", "oom", "exit", "delete"],
  },
  modest: { command: ["true"], code: 0, events: ["create", "start", "exit", "delete"] },
};

Deno.test("a kill for want of memory is told as with containerd, and before the exit", async () => {
  await using sides = await Sides.start();
  for (const side of [sides.theirs, sides.ours]) {
    await using events = await watch(side);
    await Deno.remove(`${side.rootfs}/told`).catch(() => {});
    for (const [id, { command, code }] of Object.entries(lives)) {
      const flags = ["--rm", "--env", "PATH=/bin", "--memory-limit", String(8 << 20)];
      const running = side.tryCtr(["run", ...flags, "--rootfs", side.rootfs, id, ...command]);
      if (id === "children") {
        await until("the first kill is told", () => Promise.resolve(events.of(id).includes("oom")));
        await Deno.writeTextFile(`${side.rootfs}/told`, "");
      }
      assert.equal((await running).code, code, id);
    }
    for (const [id, { events: expected }] of Object.entries(lives)) {
      await until(`all is told of ${id}`, () => Promise.resolve(events.of(id).length >= expected.length));
      const seen = events.of(id);
      if (side === sides.ours) assert.deepEqual(seen, expected, id);
      assert.deepEqual(seen.toSorted(), expected.toSorted(), id);
    }
    assert.equal(events.payload("oom"), '{"container_id":"first"}');
  }
});

/** Go's `ctr events`, until it is disposed. */
async function watch(side: Side) {
  const child = new Deno.Command("/usr/bin/ctr", {
    args: ["--address", side.daemon.address, "events"],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let text = "";
  const reading = (async () => {
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) text += part;
  })();
  // It says nothing when it has subscribed: something happens until it is seen.
  let n = 0;
  await until("the events flow", async () => {
    await side.ctr(["namespaces", "label", side.namespace, `n=${n++}`]).catch(() => {});
    return text.includes("/namespaces/");
  });
  const lines = () => text.split("\n").filter((line) => line.includes(` ${side.namespace} /tasks/`));
  return {
    /** Topics of a container's events. */
    of: (id: string) =>
      lines().filter((line) => line.includes(`"container_id":"${id}"`)).map((line) =>
        / \/tasks\/(\S+) /.exec(line)![1]!
      ),
    payload: (topic: string) => new RegExp(` /tasks/${topic} (\\S+)`).exec(text)?.[1],
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await Promise.all([child.status, reading]);
    },
  };
}
