/** The mounts service over both sockets, with real mounts. */
import assert from "node:assert/strict";
import { ContainersDefinition } from "../../../lib/api/services/containers/v1/containers.ts";
import { LeasesDefinition } from "../../../lib/api/services/leases/v1/leases.ts";
import { MountsDefinition } from "../../../lib/api/services/mounts/v1/mounts.ts";
import type { Mount } from "../../../lib/api/types/mount.ts";
import { Code, isError } from "../../../lib/errors.ts";
import type { Channel } from "../../../lib/rpc/service.ts";
import { mountAll, unmountAll } from "../../../lib/sys/mod.ts";
import { type Longshore, mountsBelow, must } from "../../harness/mod.ts";
import { overBoth } from "./both.ts";

const fails = (code: Code) => (error: unknown) => isError(error, code);
const mountOf = (type: string, source: string, ...options: string[]): Mount => ({
  type,
  source,
  target: "",
  options,
});
const tmpfs = mountOf("tmpfs", "tmpfs", "size=1m");
/** What a garbage collection leaves alone. */
const kept = { "containerd.io/gc.root": "test" };

/** The loop devices that files below a directory have become. */
async function loopsOf(dir: string): Promise<string[]> {
  const listed = await must("losetup", ["--list", "--noheadings", "--output", "NAME,BACK-FILE"]);
  return listed.split("\n").filter((line) => line.includes(dir)).map((line) => line.split(/\s+/)[0]!);
}

/** Runs a body over both sockets; loop devices are taken away also if it fails, since no unmount does that. */
const overBothWithLoops: typeof overBoth = (body) =>
  overBoth(async (connect, name, daemon) => {
    try {
      await body(connect, name, daemon);
    } finally {
      for (const loop of await loopsOf(daemon.root)) await must("losetup", ["--detach", loop]);
    }
  });

/** A collection that has ended. */
async function collect(channel: Channel, namespace: string): Promise<void> {
  const leases = channel.stub(LeasesDefinition, { namespace });
  const { lease } = await leases.create({ id: "", labels: {} });
  await leases.delete({ id: lease!.id, sync: true });
}

/** Mounts of a file that becomes a file system, in which an overlay has its directories. */
function writable(daemon: Longshore, name: string): Mount[] {
  const upper = ["0750:3:4", "0700"].map((mode, n) =>
    `X-containerd.mkdir.path={{ mount 1 }}/${n ? "work" : "upper"}:${mode}`
  );
  return [
    mountOf(
      "mkfs/loop",
      `${daemon.root}/${name}.img`,
      "X-containerd.mkfs.size=16MiB",
      "X-containerd.mkfs.fs=ext4",
    ),
    mountOf("format/ext4", "{{ mount 0 }}"),
    mountOf(
      "format/mkdir/overlay",
      "overlay",
      ...upper,
      "lowerdir={{ overlay 1 1 }}/lost+found",
      "upperdir={{ mount 1 }}/upper",
      "workdir={{ mount 1 }}/work",
    ),
  ];
}

Deno.test("an activation makes what the kernel can't, and tells what is left to mount", () =>
  overBothWithLoops(async (connect, name, daemon) => {
    await using channel = await connect();
    const mounts = channel.stub(MountsDefinition, { namespace: `active-${name}` });
    const asked = { name: "fs", mounts: writable(daemon, name), labels: { ...kept, a: "1" } };
    const { info } = await mounts.activate(asked);
    const [loop, ext4, ...more] = info!.active;
    assert.equal(more.length, 0);
    assert.deepEqual([loop!.mount!.type, ext4!.mount!.type], ["loop", "ext4"]);
    assert.deepEqual(loop!.mount!.options, []);
    assert.match(await Deno.readLink(loop!.mountPoint), /^\/dev\/loop\d+$/);
    assert.equal(ext4!.mount!.source, loop!.mountPoint);
    const at = ext4!.mountPoint;
    assert.deepEqual(info!.system, [
      mountOf(
        "overlay",
        "overlay",
        `lowerdir=${at}/lost+found`,
        `upperdir=${at}/upper`,
        `workdir=${at}/work`,
      ),
    ]);
    assert.equal(await must("stat", ["-c", "%a %u:%g", `${at}/upper`, `${at}/work`]), "750 3:4\n700 0:0\n");

    const target = await Deno.makeTempDir({ prefix: "longshore-activated-" });
    try {
      mountAll(info!.system, target);
      await Deno.writeTextFile(`${target}/file`, name);
    } finally {
      await unmountAll(target);
      await Deno.remove(target);
    }
    assert.equal(await Deno.readTextFile(`${at}/upper/file`), name);
    assert.deepEqual((await mounts.info({ name: "fs" })).info, info);
    await assert.rejects(mounts.activate(asked), fails(Code.AlreadyExists));

    await mounts.deactivate({ name: "fs" });
    assert.deepEqual(mountsBelow(`${daemon.state}/mounts`), []);
    assert.deepEqual(await loopsOf(daemon.root), []);
    assert.deepEqual([...Deno.readDirSync(`${daemon.state}/mounts`)], []);
    await assert.rejects(mounts.info({ name: "fs" }), fails(Code.NotFound));
    await assert.rejects(mounts.deactivate({ name: "fs" }), fails(Code.NotFound));

    // The file has its file system now, and what was written.
    const again = (await mounts.activate(asked)).info!.active[1]!.mountPoint;
    assert.equal(await Deno.readTextFile(`${again}/upper/file`), name);
    await mounts.deactivate({ name: "fs" });
  }));

Deno.test("a temporary activation makes all mounts, and gives one directory", () =>
  overBoth(async (connect, name) => {
    await using channel = await connect();
    const mounts = channel.stub(MountsDefinition, { namespace: `temporary-${name}` });
    const { info } = await mounts.activate({ name: "a/b c", mounts: [tmpfs], labels: kept, temporary: true });
    const [active] = info!.active;
    assert.deepEqual(info!.system, [mountOf("bind", active!.mountPoint, "rbind")]);
    assert.ok(mountsBelow(active!.mountPoint.replace(/\/0$/, "")).includes(active!.mountPoint));
    await mounts.deactivate({ name: "a/b c" });
    await assert.rejects(Deno.stat(active!.mountPoint), Deno.errors.NotFound);
  }));

Deno.test("labels are changed by paths and found by filters; namespaces know nothing of each other", () =>
  overBoth(async (connect, name) => {
    await using channel = await connect();
    const [one, two] = [`one-${name}`, `two-${name}`];
    const mounts = channel.stub(MountsDefinition);
    const activate = (name: string, namespace: string, labels: Record<string, string>) =>
      mounts.activate({ name, mounts: [tmpfs], labels: { ...kept, ...labels }, temporary: true }, {
        namespace,
      });
    await activate("m", one, { a: "1" });
    await activate("m", two, {});
    await activate("n", one, {});
    const info = { name: "m", active: [], system: [], labels: { b: "2" } };
    await mounts.update({ info, updateMask: ["labels.b"] }, { namespace: one });
    const names = async (namespace: string, ...filters: string[]) =>
      (await Array.fromAsync(mounts.list({ filters }, { namespace }))).map(({ info }) => info!.name).sort();
    assert.deepEqual(await names(one), ["m", "n"]);
    assert.deepEqual(await names(one, "labels.b==2,labels.a==1"), ["m"]);
    assert.deepEqual(await names(one, "name==n"), ["n"]);
    assert.deepEqual(await names(two), ["m"]);
    const path = { info, updateMask: ["active"] };
    await assert.rejects(mounts.update(path, { namespace: one }), fails(Code.InvalidArgument));
    await mounts.deactivate({ name: "m" }, { namespace: one });
    assert.deepEqual(await names(two), ["m"]);
    await assert.rejects(names(""), /namespace is required/);
  }));

Deno.test("an activation lives as long as its lease, its label or what it refers back to", () =>
  overBoth(async (connect, name) => {
    await using channel = await connect();
    const namespace = `gc-${name}`;
    const mounts = channel.stub(MountsDefinition, { namespace });
    const leases = channel.stub(LeasesDefinition, { namespace });
    const containers = channel.stub(ContainersDefinition, { namespace });
    await leases.create({ id: "held", labels: {} });
    await containers.create({ container: containerOf("c") });
    const activate = (name: string, labels: Record<string, string>, lease?: string) =>
      mounts.activate({ name, mounts: [tmpfs], labels, temporary: true }, { namespace, lease });
    const { info } = await activate("leased", {}, "held");
    await activate("root", kept);
    await activate("of-container", { "containerd.io/gc.bref.container": "c" });
    const names = async () => (await Array.fromAsync(mounts.list({}))).map(({ info }) => info!.name).sort();
    await collect(channel, namespace);
    assert.deepEqual(await names(), ["leased", "of-container", "root"]);
    const [held] = (await leases.listResources({ id: "held" })).resources;
    assert.deepEqual(held, { type: "mounts", id: "leased" });

    await containers.delete({ id: "c" });
    await leases.delete({ id: "held", sync: true });
    assert.deepEqual(await names(), ["root"]);
    await assert.rejects(Deno.stat(info!.active[0]!.mountPoint), Deno.errors.NotFound);
    await activate("nobodys", {});
    await collect(channel, namespace);
    assert.deepEqual(await names(), ["root"]);
    await assert.rejects(activate("late", {}, "held"), fails(Code.NotFound));
    assert.deepEqual(await names(), ["root"]);
    await mounts.deactivate({ name: "root" });
  }));

Deno.test("what fails half way leaves nothing, and what can't be is refused", () =>
  overBothWithLoops(async (connect, name, daemon) => {
    await using channel = await connect();
    const mounts = channel.stub(MountsDefinition, { namespace: `bad-${name}` });
    const refused = (code: Code, asked: Mount[], temporary = false) =>
      assert.rejects(mounts.activate({ name: "x", mounts: asked, labels: kept, temporary }), fails(code));
    await refused(Code.Unimplemented, [tmpfs]);
    await refused(Code.Unimplemented, []);
    await assert.rejects(mounts.activate({ mounts: [tmpfs], temporary: true }), fails(Code.InvalidArgument));
    await refused(Code.InvalidArgument, [tmpfs, mountOf("format/bind", "{{ mount 1 }}")]);
    await refused(Code.InvalidArgument, [tmpfs, mountOf("format/bind", "{{ exec 0 }}")]);
    await refused(Code.InvalidArgument, [tmpfs, mountOf("format/bind", "{{ mount 0")]);
    await refused(Code.InvalidArgument, [{ ...tmpfs, target: "../../x" }], true);
    await refused(Code.InvalidArgument, Array(300).fill(tmpfs), true);
    const mkdir = (path: string) => mountOf("mkdir/tmpfs", "tmpfs", `X-containerd.mkdir.path=${path}`);
    await refused(Code.Unimplemented, [mkdir("/etc/longshore-test")]);
    await refused(Code.Unimplemented, [mkdir(`${daemon.root}/../out`)]);
    await refused(Code.InvalidArgument, [mkdir(`${daemon.root}/dir:9`)]);
    await Deno.symlink("/etc", `${daemon.root}/link`).catch(() => {});
    await assert.rejects(mounts.activate({ name: "x", mounts: [mkdir(`${daemon.root}/link/x`)] }));
    const image = `${daemon.root}/small-${name}.img`;
    await refused(Code.InvalidArgument, [mountOf("mkfs/loop", image)]);
    const tiny = mountOf("mkfs/loop", image, "X-containerd.mkfs.size=1k");
    await assert.rejects(mounts.activate({ name: "x", mounts: [tiny] }), /mkfs.ext4/);
    await assert.rejects(Deno.stat(image), Deno.errors.NotFound);
    await refused(Code.NotFound, [mountOf("loop", `${daemon.root}/missing`)]);
    await refused(Code.NotFound, [tmpfs, mountOf("bind", `${daemon.root}/missing`, "rbind")], true);
    assert.deepEqual([...Deno.readDirSync(`${daemon.state}/mounts`)], []);
    assert.deepEqual(await loopsOf(daemon.root), []);

    const same = Array.from(
      { length: 5 },
      () => mounts.activate({ name: "same", mounts: [tmpfs], labels: kept, temporary: true }),
    );
    const done = await Promise.allSettled(same);
    assert.equal(done.filter(({ status }) => status === "fulfilled").length, 1);
    await mounts.deactivate({ name: "same" });
  }));

Deno.test("many come and go while collections run, and nothing is left", () =>
  overBothWithLoops(async (connect, name, daemon) => {
    await using channel = await connect();
    const namespace = `many-${name}`;
    const mounts = channel.stub(MountsDefinition, { namespace });
    const image = `${daemon.root}/many-${name}.img`;
    await Deno.writeFile(image, new Uint8Array(1 << 20));
    const one = async (n: number) => {
      for (let turn = 0; turn < 3; turn++) {
        const loop = mountOf("loop", image, "ro");
        await mounts.activate({
          name: `m${n}`,
          mounts: [loop, tmpfs],
          labels: n % 2 ? kept : {},
          temporary: true,
        });
        // Without a label a collection may have been quicker.
        await mounts.deactivate({ name: `m${n}` }).catch((error) => {
          if (n % 2 || !isError(error, Code.NotFound)) throw error;
        });
      }
    };
    const collections = async () => {
      for (let turn = 0; turn < 5; turn++) await collect(channel, namespace);
    };
    await Promise.all([collections(), ...Array.from({ length: 6 }, (_, n) => one(n))]);
    await collect(channel, namespace);
    assert.deepEqual(await Array.fromAsync(mounts.list({})), []);
    assert.deepEqual([...Deno.readDirSync(`${daemon.state}/mounts`)], []);
    assert.deepEqual(await loopsOf(daemon.root), []);
  }));

Deno.test("activations outlive a crash of the daemon, and what it left half done goes", () =>
  overBothWithLoops(async (connect, name, daemon) => {
    const namespace = `crash-${name}`;
    await using before = await connect();
    const asked = { name: "fs", mounts: writable(daemon, `crash-${name}`), labels: kept };
    const { info } = await before.stub(MountsDefinition, { namespace }).activate(asked);
    const left = `${daemon.state}/mounts/4711`;
    await daemon.crash();
    await Deno.mkdir(`${left}/0`, { recursive: true });
    mountAll([tmpfs], `${left}/0`);
    await daemon.restart();
    await assert.rejects(Deno.stat(left), Deno.errors.NotFound);
    await using channel = await connect();
    const mounts = channel.stub(MountsDefinition, { namespace });
    assert.deepEqual((await mounts.info({ name: "fs" })).info, info);
    await Deno.stat(`${info!.active[1]!.mountPoint}/upper`);
    await mounts.deactivate({ name: "fs" });
    assert.deepEqual(mountsBelow(`${daemon.state}/mounts`), []);
    assert.deepEqual(await loopsOf(daemon.root), []);
  }));

const containerOf = (id: string) => ({
  id,
  labels: {},
  image: "",
  runtime: { name: "io.containerd.runc.v2", options: undefined },
  spec: { typeUrl: "spec", value: new Uint8Array([1]) },
  snapshotter: "",
  snapshotKey: "",
  createdAt: undefined,
  updatedAt: undefined,
  extensions: {},
  sandbox: "",
});
