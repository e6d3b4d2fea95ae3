/** The sandbox store over both sockets. */
import assert from "node:assert/strict";
import { ContainersDefinition } from "../../../lib/api/services/containers/v1/containers.ts";
import { NamespacesDefinition } from "../../../lib/api/services/namespaces/v1/namespace.ts";
import { StoreDefinition } from "../../../lib/api/services/sandbox/v1/sandbox.ts";
import { Sandbox } from "../../../lib/api/types/sandbox.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { complete } from "../../../lib/rpc/service.ts";
import { overBoth } from "./both.ts";

const fails = (code: Code) => (error: unknown) => isError(error, code);
const any = (byte: number) => ({ typeUrl: "example/Any", value: new Uint8Array([byte]) });
const sandboxOf = (part: Partial<Sandbox>) => complete(Sandbox, { sandboxId: "pod", ...part });

Deno.test("sandboxes are made, found, changed by paths and deleted", () =>
  overBoth(async (connect, name) => {
    await using channel = await connect();
    const store = channel.stub(StoreDefinition, { namespace: `sandboxes-${name}` });
    const runtime = { name: "io.containerd.runc.v2", options: any(1) };
    const { sandbox } = await store.create({
      sandbox: sandboxOf({
        runtime,
        spec: any(2),
        labels: { a: "1" },
        extensions: { x: any(3), y: any(4) },
        sandboxer: "podsandbox",
        createdAt: { seconds: 1n, nanos: 0 },
      }),
    });
    assert.ok(sandbox!.createdAt!.seconds > 1n, "the store says when");
    assert.deepEqual(sandbox!.updatedAt, sandbox!.createdAt);
    assert.deepEqual((await store.get({ sandboxId: "pod" })).sandbox, sandbox);
    await assert.rejects(store.create({ sandbox: sandboxOf({}) }), fails(Code.AlreadyExists));

    const change = async (part: Partial<Sandbox>, ...fields: string[]) =>
      (await store.update({ sandbox: sandboxOf(part), fields })).sandbox!;
    assert.deepEqual((await change({ labels: { b: "2", c: "3" } }, "labels.b")).labels, { a: "1", b: "2" });
    assert.deepEqual((await change({ labels: {} }, "labels.a")).labels, { b: "2" });
    const { extensions } = await change({ extensions: { x: any(9) } }, "extensions.x", "extensions.y");
    assert.deepEqual(Object.entries(extensions).map(([key, { value }]) => [key, ...value]), [["x", 9]]);
    const whole = await change({ runtime, spec: any(7), labels: { only: "one" } });
    assert.deepEqual([...whole.spec!.value, whole.labels, whole.extensions], [7, { only: "one" }, {}]);
    assert.equal(whole.sandboxer, "podsandbox");
    assert.deepEqual(whole.createdAt, sandbox!.createdAt);
    await assert.rejects(
      change({ runtime: { name: "other", options: undefined } }),
      fails(Code.InvalidArgument),
    );
    await assert.rejects(change({}, "sandboxer"), fails(Code.InvalidArgument));
    await assert.rejects(change({ sandboxId: "none" }, "labels"), fails(Code.NotFound));

    await store.create({ sandbox: sandboxOf({ sandboxId: "other", labels: { kind: "b" } }) });
    const ids = async (...filters: string[]) =>
      (await store.list({ filters })).list.map(({ sandboxId }) => sandboxId).sort();
    assert.deepEqual(await ids(), ["other", "pod"]);
    assert.deepEqual(await ids("id==pod"), ["pod"]);
    assert.deepEqual(await ids("labels.kind==b", "labels.only"), ["other", "pod"]);
    await assert.rejects(ids("id==="), fails(Code.InvalidArgument));
    await store.delete({ sandboxId: "other" });
    assert.deepEqual(await ids(), ["pod"]);
    await assert.rejects(store.delete({ sandboxId: "other" }), fails(Code.NotFound));
  }));

Deno.test("sandboxes of one namespace are nobody's in another, and keep theirs from being deleted", () =>
  overBoth(async (connect, name) => {
    await using channel = await connect();
    const [one, two] = [`one-${name}`, `two-${name}`];
    const store = channel.stub(StoreDefinition);
    await store.create({ sandbox: sandboxOf({}) }, { namespace: one });
    await store.create({ sandbox: sandboxOf({ labels: { second: "yes" } }) }, { namespace: two });
    await store.delete({ sandboxId: "pod" }, { namespace: one });
    await assert.rejects(store.get({ sandboxId: "pod" }, { namespace: one }), fails(Code.NotFound));
    assert.equal((await store.list({}, { namespace: two })).list.length, 1);
    const namespaces = channel.stub(NamespacesDefinition, { namespace: one });
    await assert.rejects(namespaces.delete({ name: two }), /it still has sandboxes/);
    await namespaces.delete({ name: one });
  }));

Deno.test("bad sandboxes are refused", () =>
  overBoth(async (connect, name) => {
    await using channel = await connect();
    const store = channel.stub(StoreDefinition, { namespace: `bad-${name}` });
    await assert.rejects(store.create({}), fails(Code.InvalidArgument));
    for (const sandboxId of ["", "../up", "a/b", "x".repeat(100)]) {
      await assert.rejects(store.create({ sandbox: sandboxOf({ sandboxId }) }), fails(Code.InvalidArgument));
    }
    await assert.rejects(
      store.create({ sandbox: sandboxOf({ extensions: { "": any(1) } }) }),
      fails(Code.InvalidArgument),
    );
    const labels = { key: "x".repeat(5000) };
    await assert.rejects(store.create({ sandbox: sandboxOf({ labels }) }), fails(Code.InvalidArgument));
    await assert.rejects(
      channel.stub(StoreDefinition).list({}),
      /namespace is required/,
    );
  }));

Deno.test("sandboxes outlive a crash of the daemon, and a container keeps which one is its own", () =>
  overBoth(async (connect, name, daemon) => {
    const namespace = `crash-${name}`;
    await using before = await connect();
    const { sandbox } = await before.stub(StoreDefinition, { namespace }).create({ sandbox: sandboxOf({}) });
    await before.stub(ContainersDefinition, { namespace }).create({
      container: {
        id: "c",
        sandbox: "pod",
        spec: any(1),
        runtime: { name: "io.containerd.runc.v2", options: undefined },
        ...nothingElse,
      },
    });
    await daemon.crash();
    await daemon.restart();
    await using channel = await connect();
    assert.deepEqual((await channel.stub(StoreDefinition, { namespace }).list({})).list, [sandbox]);
    const { container } = await channel.stub(ContainersDefinition, { namespace }).get({ id: "c" });
    assert.equal(container!.sandbox, "pod");
  }));

const nothingElse = {
  labels: {},
  image: "",
  snapshotter: "",
  snapshotKey: "",
  createdAt: undefined,
  updatedAt: undefined,
  extensions: {},
};
