import assert from "node:assert/strict";
import { LeasesDefinition } from "../../../lib/api/services/leases/v1/leases.ts";
import { connectTtrpc } from "../../../lib/rpc/ttrpc/client.ts";
import {
  busyboxImage,
  type Longshore,
  push,
  Scratch,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { diskOf, nothing, recordsOf } from "./disk.ts";

/** A daemon, and the reference of an image that it may pull. */
async function withImage(test: (daemon: Longshore, reference: string) => Promise<void>): Promise<void> {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  const reference = await push(await busyboxImage(scratch), registry, "busybox:latest");
  await using daemon = await startLongshore({ where: "shm" });
  await test(daemon, reference);
}

async function ok(daemon: Longshore, args: string[], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await daemon.ctr(args, { stdin });
  assert.equal(code, 0, `ctr ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Adds a blob to a lease of the default namespace, for which ctr has no command. */
async function addToLease(daemon: Longshore, id: string, digest: string): Promise<void> {
  await using channel = await connectTtrpc(`${daemon.address}.ttrpc`);
  const leases = channel.stub(LeasesDefinition, { namespace: "default" });
  await leases.addResource({ id, resource: { type: "content", id: digest } });
}

/** What a run of the collector leaves; the command ends when the run has. */
async function collect(daemon: Longshore): Promise<void> {
  await ok(daemon, ["leases", "create", "--id", "for-a-run"]);
  await ok(daemon, ["leases", "rm", "--sync", "for-a-run"]);
}

Deno.test("images rm --sync frees blobs, snapshots and their space before it ends", () =>
  withImage(async (daemon, reference) => {
    await ok(daemon, ["images", "pull", reference]);
    const { blobs, snapshots } = diskOf(daemon);
    assert.ok(blobs.length >= 3, "manifest, config, layer");
    assert.equal(snapshots.length, 1);
    await ok(daemon, ["images", "rm", "--sync", reference]);
    assert.deepEqual(diskOf(daemon), nothing);
    assert.deepEqual(await recordsOf(daemon), nothing);
    await ok(daemon, ["images", "pull", reference]);
    assert.match(await ok(daemon, ["images", "check"]), /complete \(\d\/\d\).* true\n/);
  }));

Deno.test("without --sync the same goes by itself", () =>
  withImage(async (daemon, reference) => {
    await ok(daemon, ["images", "pull", reference]);
    await ok(daemon, ["images", "rm", reference]);
    for (
      let tries = 0;
      tries < 200 && diskOf(daemon).blobs.length + diskOf(daemon).snapshots.length;
      tries++
    ) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.deepEqual(diskOf(daemon), nothing);
  }));

Deno.test("what two namespaces share stays until the second lets go of it", () =>
  withImage(async (daemon, reference) => {
    for (const namespace of ["one", "two"]) await ok(daemon, ["-n", namespace, "images", "pull", reference]);
    const both = diskOf(daemon);
    assert.equal(both.snapshots.length, 2, "snapshots are each namespace's own");
    await ok(daemon, ["-n", "one", "images", "rm", "--sync", reference]);
    assert.equal(await ok(daemon, ["-n", "one", "content", "ls", "-q"]), "");
    assert.deepEqual(diskOf(daemon).blobs, both.blobs);
    assert.equal(diskOf(daemon).snapshots.length, 1);
    assert.equal(await ok(daemon, ["-n", "two", "run", "--rm", reference, "c", "echo", "fine"]), "fine\n");
    await ok(daemon, ["-n", "two", "images", "rm", "--sync", reference]);
    assert.deepEqual(diskOf(daemon), nothing);
  }));

Deno.test("a container holds its snapshots when its image goes, and lets go of them with its own end", () =>
  withImage(async (daemon, reference) => {
    await ok(daemon, ["images", "pull", reference]);
    await ok(daemon, ["run", "-d", reference, "holder", "sleep", "1000"]);
    await ok(daemon, ["images", "rm", "--sync", reference]);
    assert.equal(diskOf(daemon).snapshots.length, 2);
    assert.deepEqual(diskOf(daemon).blobs, []);
    assert.equal(
      await ok(daemon, ["tasks", "exec", "--exec-id", "e", "holder", "echo", "still here"]),
      "still here\n",
    );
    await ok(daemon, ["tasks", "rm", "--force", "holder"]);
    await ok(daemon, ["containers", "rm", "holder"]);
    await collect(daemon);
    assert.deepEqual(diskOf(daemon), nothing);
  }));

Deno.test("a lease holds what its resources lead to, until it is deleted", () =>
  withImage(async (daemon, reference) => {
    await ok(daemon, ["images", "pull", reference]);
    const before = diskOf(daemon);
    const digest = /sha256:[0-9a-f]{64}/.exec(await ok(daemon, ["images", "ls"]))![0];
    await ok(daemon, ["leases", "create", "--id", "keep"]);
    await addToLease(daemon, "keep", digest);
    await ok(daemon, ["images", "rm", "--sync", reference]);
    assert.deepEqual(diskOf(daemon), before);
    await ok(daemon, ["leases", "rm", "--sync", "keep"]);
    assert.deepEqual(diskOf(daemon), nothing);
  }));

Deno.test("content that nothing refers to goes, what a label makes a root stays", () =>
  withImage(async (daemon) => {
    // The run that every start brings would take them before they are labelled.
    await collect(daemon);
    for (const text of ["one", "two"]) await ok(daemon, ["content", "ingest", `ref-${text}`], text);
    const [kept, lost] = (await ok(daemon, ["content", "ls", "-q"])).trim().split("\n");
    await ok(daemon, ["content", "label", kept!, "containerd.io/gc.root=now"]);
    await collect(daemon);
    assert.equal(await ok(daemon, ["content", "ls", "-q"]), `${kept}\n`);
    assert.deepEqual(diskOf(daemon).blobs, [kept]);
    assert.equal((await daemon.ctr(["content", "get", lost!])).code, 1);
  }));
