/** Checkpoints from anywhere: what they want of the host they don't get. No CRIU is needed for that. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Any } from "../../../lib/api/google/protobuf/any.ts";
import { Options } from "../../../lib/api/types/runc/options/oci.ts";
import { anyOf } from "../../../lib/rpc/any.ts";
import { complete } from "../../../lib/rpc/service.ts";
import { Client } from "../../../mod.ts";
import { findLeaks } from "../../harness/leaks.ts";
import {
  busyboxImage,
  type Longshore,
  push,
  Scratch,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { makeTar } from "../../harness/tar.ts";

const part = "application/vnd.containerd.container.checkpoint";
const criu = "application/vnd.containerd.container.criu.checkpoint.criu.tar";

const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

interface Checkpoint {
  // deno-lint-ignore no-explicit-any
  spec: any;
  options: Partial<Options>;
  runtime: string;
  /** CRIU's files. */
  task?: Uint8Array<ArrayBuffer>;
}

/** Makes the checkpoint `name`: that of an ordinary container, changed. */
async function forge(client: Client, image: string, name: string, change: (it: Checkpoint) => void) {
  const content = client.content;
  const { container } = await client.services.containers.get({ id: "model" });
  const it: Checkpoint = {
    spec: JSON.parse(new TextDecoder().decode(container!.spec!.value)),
    options: {},
    runtime: "io.containerd.runc.v2",
  };
  change(it);
  const lease = await client.lease();
  const write = async (mediaType: string, bytes: Uint8Array) => ({
    mediaType,
    digest: await content.write(crypto.randomUUID(), [bytes], { lease: lease.id, expected: digestOf(bytes) }),
    size: bytes.length,
  });
  const any = (value: Any) => Any.encode(value).finish();
  const spec = { ...container!.spec!, value: new TextEncoder().encode(JSON.stringify(it.spec)) };
  const options = anyOf("containerd.runc.v1.Options", Options, complete(Options, it.options));
  const manifests = [
    await write(`${part}.config.v1+proto`, any(spec)),
    await write(`${part}.runtime.options+proto`, any(options)),
    ...it.task ? [await write(criu, it.task)] : [],
  ];
  const annotations = {
    "org.opencontainers.image.ref.name": image,
    "io.containerd.checkpoint.runtime": it.runtime,
    "io.containerd.checkpoint.snapshotter": "overlayfs",
  };
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests,
    annotations,
  };
  const { digest, size, mediaType } = await write(
    index.mediaType,
    new TextEncoder().encode(JSON.stringify(index)),
  );
  const target = { mediaType, digest, size: BigInt(size), annotations: {} };
  await client.services.images.create({
    image: { name, target, labels: {}, createdAt: undefined, updatedAt: undefined },
  });
}

async function withDaemon(
  test: (daemon: Longshore, client: Client, image: string, scratch: Scratch) => Promise<void>,
): Promise<void> {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  const image = await push(await busyboxImage(scratch), registry, "busybox:1");
  let state = "";
  {
    await using daemon = await startLongshore({ where: "shm" });
    state = daemon.state;
    await using client = await Client.connect(daemon.address, { namespace: "default" });
    await ok(daemon, "images", "pull", image);
    await ok(daemon, "containers", "create", image, "model", "sleep", "1000");
    await test(daemon, client, image, scratch);
  }
  assert.deepEqual(await findLeaks({ path: `${state}/tasks`, state }), []);
}

async function ok(daemon: Longshore, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.ctr(args);
  assert.equal(code, 0, `ctr ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** What they want, and the word of it that the refusal has. */
const greedy: Record<string, [change: (it: Checkpoint) => void, says: RegExp]> = {
  "a device (CVE-2026-53492)": [
    ({ spec }) => spec.linux.devices = [{ path: "/dev/sda", type: "b", major: 8, minor: 0 }],
    /the device \/dev\/sda: ask for it/,
  ],
  "a rule for all devices (CVE-2026-53492)": [
    ({ spec }) => spec.linux.resources.devices.push({ allow: true, access: "rwm" }),
    /devices a \*:\*/,
  ],
  "a hook": [
    ({ spec }) => spec.hooks = { createRuntime: [{ path: "/bin/sh" }] },
    /wants createRuntime hooks of this host/,
  ],
  "the host's files": [
    ({ spec }) =>
      spec.mounts.push({ destination: "/host", type: "none", source: "/etc", options: ["rbind", "rw"] }),
    /the mount \/etc/,
  ],
  "the host's processes": [
    ({ spec }) =>
      spec.linux.namespaces = spec.linux.namespaces.filter((n: { type: string }) => n.type !== "pid"),
    /the host's pid namespace/,
  ],
  "a namespace of somebody's": [
    ({ spec }) => spec.linux.namespaces[4].path = "/proc/1/ns/net",
    /the namespace \/proc\/1\/ns\/net/,
  ],
  "a capability": [({ spec }) => spec.process.capabilities.ambient = ["CAP_SYS_ADMIN"], /CAP_SYS_ADMIN/],
  "the kernel's memory": [({ spec }) => spec.linux.maskedPaths = [], /the host's \/proc and \/sys/],
  "another root": [({ spec }) => spec.root.path = "/", /the root \//],
  "a program as its runtime": [(it) => it.runtime = "/bin/sh", /the runtime \/bin\/sh/],
  "a program as its runc": [({ options }) => options.binaryName = "/bin/sh", /the runtime \/bin\/sh/],
};

Deno.test("a checkpoint gets nothing of the host that nobody gave it, and names no image (CVE-2026-53492, CVE-2026-50195)", () =>
  withDaemon(async (daemon, client, image) => {
    const names = Object.keys(greedy).map((what, n) => [what, `example.com/greedy:${n}`] as const);
    for (const [what, name] of names) await forge(client, image, name, greedy[what]![0]);
    const listed = await ok(daemon, "images", "ls");
    for (const [what, name] of names) {
      const { code, stderr } = await daemon.ctr(["containers", "restore", "x", name]);
      assert.equal(code, 1, what);
      assert.match(stderr, greedy[what]![1], what);
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
    }
    assert.equal(await ok(daemon, "containers", "ls", "-q"), "model\n");
    assert.doesNotMatch(await ok(daemon, "snapshots", "ls"), /^x /m);
    assert.equal(await ok(daemon, "images", "ls"), listed);
    for (const name of ["example.com/twice:1", "example.com/twice:2"]) {
      await ok(daemon, "containers", "checkpoint", "--image", "model", name);
    }
    // What is for others to read is dropped, and who is trusted gets what it wants.
    await forge(client, image, "example.com/tame:1", ({ spec }) => {
      spec.annotations = { "cdi.k8s.io/gpu": "vendor.com/gpu=all", "run.oci.handler": "krun", mine: "kept" };
      spec.process.args = ["sleep", "1000"];
    });
    const before = await ok(daemon, "images", "ls");
    await ok(daemon, "containers", "restore", "y", "example.com/tame:1");
    assert.equal(await ok(daemon, "images", "ls"), before);
    const { Spec, Labels } = JSON.parse(await ok(daemon, "containers", "info", "y"));
    assert.deepEqual(Spec.annotations, { mine: "kept" });
    assert.deepEqual(Labels, {});
    await forge(client, image, "example.com/known:1", ({ spec }) => {
      spec.mounts.push({ destination: "/host", type: "bind", source: "/etc", options: ["rbind", "ro"] });
    });
    await ok(daemon, "containers", "restore", "--trust", "z", "example.com/known:1");
    assert.match(await ok(daemon, "tasks", "exec", "--exec-id", "e", "z", "ls", "/host"), /passwd/);
  }));

Deno.test("CRIU's files with a link among them are refused, and where it leads stays as it is (CVE-2026-53489)", () =>
  withDaemon(async (daemon, client, image, scratch) => {
    const secret = scratch.join("secret");
    await Deno.writeTextFile(secret, "untouched");
    const links = { "container.log": "2", "pages-1.img": "2", "inventory.img": "6" };
    for (const [name, type] of Object.entries(links)) {
      const reference = `example.com/linked-${name}:1`;
      await forge(client, image, reference, (it) => {
        it.task = makeTar([{ name: "descriptors.json", body: "[]" }, { name, type, linkName: secret }]);
      });
      const { code, stderr } = await daemon.ctr(["containers", "restore", "--live", "x", reference]);
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`checkpoint sha256:\\S+ has ${name}, which is not a regular file`));
      assert.equal(await Deno.readTextFile(secret), "untouched");
      assert.equal(await ok(daemon, "containers", "ls", "-q"), "model\n");
      assert.equal(await ok(daemon, "tasks", "ls", "-q"), "");
    }
  }));
