/** Watches of real cgroups of the test's own. Version 2 has no memory controller on a hybrid host: its files of
 * events are tried on cgroup.events, which changes in the same way. */
import assert from "node:assert/strict";
import { watchCount, watchOom } from "../../../lib/cgroups/oom.ts";
import { Epoll } from "../../../lib/sys/mod.ts";

const memory = "/sys/fs/cgroup/memory";
const noV1 = !exists(`${memory}/memory.oom_control`);
const unified = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((dir) =>
  exists(`${dir}/cgroup.controllers`)
);

/** A cgroup below `root`, and what puts a shell command's process into it. */
async function inCgroup(
  root: string,
  test: (dir: string, run: (script: string) => Promise<number>) => Promise<void>,
): Promise<void> {
  const dir = `${root}/longshore-test-${crypto.randomUUID().slice(0, 8)}`;
  await Deno.mkdir(dir);
  const run = async (script: string) => {
    const enter = `echo $$ > ${dir}/cgroup.procs; ${script}`;
    const { code } = await new Deno.Command("/bin/sh", { args: ["-c", enter], stderr: "null" }).output();
    return code;
  };
  try {
    await test(dir, run);
  } finally {
    if (exists(dir)) await Deno.remove(dir);
  }
}

/** Counts calls, and waits for them: a watch tells from another thread's wait. */
class Calls {
  count = 0;
  #waiting = Promise.withResolvers<void>();

  call = () => {
    this.count++;
    this.#waiting.resolve();
  };

  async next(): Promise<void> {
    await this.#waiting.promise;
    this.#waiting = Promise.withResolvers();
  }
}

// The epoll's loop lives as long as the process.
const options = { sanitizeOps: false, sanitizeResources: false };

Deno.test({
  name: "watchOom() tells of kills in a version 1 cgroup, and not of its removal",
  ignore: noV1,
  ...options,
  fn: () =>
    inCgroup(memory, async (dir, run) => {
      await Deno.writeTextFile(`${dir}/memory.limit_in_bytes`, String(8 << 20));
      const calls = new Calls();
      const watch = watchOom(
        { version: 1, dirs: new Map([["memory", dir]]) },
        new Epoll(),
        calls.call,
      )!;
      for (const total of [1, 2]) {
        assert.notEqual(await run("/bin/busybox tail /dev/zero"), 0);
        await calls.next();
        assert.equal(calls.count, total);
      }
      watch.check();
      assert.equal(calls.count, 2, "nothing is told twice");
      await Deno.remove(dir);
      // The kernel adds to the counter then, too.
      await new Promise((resolve) => setTimeout(resolve, 50));
      watch.check();
      assert.equal(calls.count, 2);
      watch[Symbol.dispose]();
      watch[Symbol.dispose]();
    }),
});

Deno.test({
  name: "check() tells what has happened, before the wait has",
  ignore: noV1,
  ...options,
  fn: () =>
    inCgroup(memory, async (dir, run) => {
      await Deno.writeTextFile(`${dir}/memory.limit_in_bytes`, String(8 << 20));
      const calls = new Calls();
      // Nobody waits on this set.
      const deaf = { arm: () => {}, close: () => {} } as unknown as Epoll;
      const watch = watchOom({ version: 1, dirs: new Map([["memory", dir]]) }, deaf, calls.call)!;
      await run("/bin/busybox tail /dev/zero");
      assert.equal(calls.count, 0);
      watch.check();
      assert.equal(calls.count, 1);
      watch[Symbol.dispose]();
      watch.check();
      assert.equal(calls.count, 1);
    }),
});

Deno.test({
  name: "watchCount() tells when a number in a version 2 file of events grows, and survives its removal",
  ignore: unified === undefined,
  ...options,
  fn: () =>
    inCgroup(unified!, async (dir, run) => {
      const calls = new Calls();
      const watch = watchCount({ path: `${dir}/cgroup.events`, name: "populated" }, new Epoll(), calls.call)!;
      for (const total of [1, 2]) {
        await run("sleep 0.1");
        await calls.next();
        assert.equal(calls.count, total, "told when it grows, not when it shrinks");
      }
      await Deno.remove(dir);
      watch.check();
      assert.equal(calls.count, 2);
    }),
});

Deno.test("watchOom() watches nothing without a memory controller", () => {
  const calls = new Calls();
  const none = { arm: assert.fail, close: assert.fail } as unknown as Epoll;
  assert.equal(watchOom({ version: 1, dirs: new Map() }, none, calls.call), undefined);
  assert.equal(watchOom({ version: 2, dir: "/proc/self" }, none, calls.call), undefined);
});

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
