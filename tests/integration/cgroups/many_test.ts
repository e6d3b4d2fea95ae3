import assert from "node:assert/strict";
import { Client, type SpecOption, withArgs } from "../../../mod.ts";
import { withDaemon } from "./support.ts";

const count = 40;

Deno.test("metrics of many containers hold up neither the daemon nor the shim", () =>
  withDaemon(async ({ daemon, namespace, scratch, ok }) => {
    await using client = await Client.connect(daemon.address, { namespace });
    const ids = Array.from({ length: count }, (_, n) => `c${n}`);
    const root: SpecOption = (spec) => void (spec.root.path = scratch.join("rootfs"));
    await Promise.all(ids.map(async (id) => {
      const spec = [root, withArgs("/bin/sleep", "1000")];
      await (await (await client.newContainer(id, { spec })).newTask()).start();
    }));
    const ended: string[] = [];
    const noted = async <T>(what: string, work: Promise<T>): Promise<T> => {
      const result = await work;
      ended.push(what);
      return result;
    };
    const { tasks } = client.services;
    const [{ metrics }] = await Promise.all([
      noted("metrics", tasks.metrics({ filters: [] })),
      noted("version", client.version()),
      noted("state", tasks.get({ containerId: "c0" })),
    ]);
    assert.deepEqual(metrics.map(({ id }) => id).sort(), ids.toSorted());
    assert.equal(ended.at(-1), "metrics", "calls that came later were answered before");
    // Asked for by many at once, each gets all.
    const all = await Promise.all(Array.from({ length: 5 }, () => tasks.metrics({ filters: [] })));
    assert.deepEqual(all.map(({ metrics }) => metrics.length), Array(5).fill(count));
    // Those that go meanwhile are left out.
    const [after] = await Promise.all([
      tasks.metrics({ filters: [] }),
      ...ids.slice(0, 8).map((id) => ok(["tasks", "rm", "-f", id])),
    ]);
    assert.ok(after.metrics.length >= count - 8);
    await ok(["rm", "-f", "--all"]);
  }));
