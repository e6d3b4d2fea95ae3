import assert from "node:assert/strict";
import { blobFile, flip, layerWith, ok, partsOf, type Place, withRegistry } from "./support.ts";

/** What `images check --deep` must say, and what `images repair` must do about it. */
async function findsAndMends({ daemon, reference }: Place, finding: RegExp, step: RegExp): Promise<string> {
  const found = await daemon.ctr(["images", "check", "--deep", reference]);
  assert.equal(found.code, 1, found.stdout + found.stderr);
  assert.match(found.stdout, / damaged \(\d+\)/);
  assert.match(found.stdout, finding);
  const repaired = await ok(daemon, ["images", "repair", reference]);
  assert.match(repaired, step);
  assert.match(repaired, /: repaired\n$/);
  assert.match(await ok(daemon, ["images", "check", "--deep", reference]), /ok \(4 blobs, 2 snapshots\)/);
  const id = `after-${crypto.randomUUID()}`;
  assert.equal(
    await ok(daemon, ["run", "--rm", reference, id, "cat", "/data/one", "/data/two"]),
    "one\ntwo\n",
  );
  return repaired;
}

Deno.test("an image in order is told to be so, and repair does nothing", () =>
  withRegistry(async ({ daemon, registry, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    const asked = registry.requests().length;
    assert.match(await ok(daemon, ["images", "check", "--deep"]), /true +ok \(4 blobs, 2 snapshots\)/);
    assert.match(await ok(daemon, ["images", "repair", reference]), /nothing is damaged/);
    assert.equal(registry.requests().length, asked);
  }));

Deno.test("blobs with flipped bytes, cut short and gone are found and fetched again", () =>
  withRegistry(async (place) => {
    const { daemon, reference } = place;
    await ok(daemon, ["images", "pull", reference]);
    const { target, config, layers } = await partsOf(daemon, reference);
    await flip(blobFile(daemon, layers[0]!));
    await findsAndMends(place, /does not have the bytes of its digest/, RegExp(`${layers[0]}: fetched from`));
    await Deno.truncate(blobFile(daemon, layers[1]!), 10);
    await findsAndMends(place, /has 10 bytes, not \d+/, RegExp(`${layers[1]}: fetched from`));
    for (const digest of [target, config, ...layers]) await Deno.remove(blobFile(daemon, digest));
    await findsAndMends(place, /its file is missing/, RegExp(`${config}: fetched from`));
    await flip(blobFile(daemon, target));
    await findsAndMends(place, /does not have the bytes/, RegExp(`${target}: fetched from`));
  }));

Deno.test("a blob whose record is gone is found and fetched again, with what its labels kept", () =>
  withRegistry(async (place) => {
    const { daemon, reference } = place;
    await ok(daemon, ["images", "pull", reference]);
    const { config, layers } = await partsOf(daemon, reference);
    await ok(daemon, ["content", "rm", config]);
    await findsAndMends(place, RegExp(`${config} is missing`), RegExp(`${config}: fetched from`));
    assert.match(await ok(daemon, ["content", "ls"]), /containerd.io\/gc.ref.snapshot.overlayfs=sha256/);
    await ok(daemon, ["content", "rm", layers[0]!]);
    await ok(daemon, ["leases", "create", "--id", "run"]);
    await ok(daemon, ["leases", "rm", "--sync", "run"]);
    // It was unpacked: the snapshot is all that is needed of it, and can't be compared now.
    const { stdout, code } = await daemon.ctr(["images", "check", "--deep"]);
    assert.equal(code, 0);
    assert.match(stdout, /not compared: snapshot .* was dropped/);
  }));

Deno.test("files of a snapshot that changed, went or came are found and unpacked again", () =>
  withRegistry(async (place) => {
    const { daemon, reference } = place;
    await ok(daemon, ["images", "pull", reference]);
    const mended = /: unpacked again/;
    await Deno.writeTextFile(`${await layerWith(daemon, "data/one")}/data/one`, "eno\n");
    await findsAndMends(place, /"data\/one" has other content/, mended);
    await Deno.truncate(`${await layerWith(daemon, "data/one")}/data/one`, 0);
    await findsAndMends(place, /"data\/one" has 0 bytes, not 4/, mended);
    await Deno.remove(`${await layerWith(daemon, "data/one")}/data/one`);
    await findsAndMends(place, /"data\/one" is missing/, mended);
    await Deno.writeTextFile(`${await layerWith(daemon, "data/one")}/data/three`, "three\n");
    await findsAndMends(place, /"data\/three" is not in the layer/, mended);
    await Deno.chmod(`${await layerWith(daemon, "bin/busybox")}/bin/busybox`, 0o644);
    await findsAndMends(place, /"bin\/busybox" has the mode 0644, not 0755/, mended);
    await Deno.remove(await layerWith(daemon, "data/one"), { recursive: true });
    await findsAndMends(place, /its files are gone/, mended);
  }));

Deno.test("a container goes on with the files it runs on while they are replaced, and the next has the new ones", () =>
  withRegistry(async (place) => {
    const { daemon, reference } = place;
    await ok(daemon, ["images", "pull", reference]);
    await ok(daemon, ["run", "-d", reference, "runner", "sleep", "1000"]);
    const old = await layerWith(daemon, "data/one");
    await Deno.writeTextFile(`${old}/data/two`, "changed\n");
    const told = await findsAndMends(place, /"data\/two" has 8 bytes, not 4/, /unpacked again/);
    assert.match(told, /container runner goes on with the old files/);
    await ok(daemon, ["leases", "create", "--id", "run"]);
    await ok(daemon, ["leases", "rm", "--sync", "run"]);
    const cat = ["tasks", "exec", "--exec-id", "e1", "runner", "cat", "/data/one", "/data/two"];
    assert.equal(await ok(daemon, cat), "one\nchanged\n");
    await ok(daemon, ["tasks", "rm", "--force", "runner"]);
    await ok(daemon, ["tasks", "start", "-d", "runner"]);
    assert.equal(await ok(daemon, cat.with(3, "e2")), "one\ntwo\n");
    await ok(daemon, ["leases", "create", "--id", "run"]);
    await ok(daemon, ["leases", "rm", "--sync", "run"]);
    await assert.rejects(Deno.stat(old), Deno.errors.NotFound);
  }));

Deno.test("a registry that doesn't have the blob any more is named; nothing is worse than before", () =>
  withRegistry(async ({ daemon, registry, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    const { layers } = await partsOf(daemon, reference);
    await flip(blobFile(daemon, layers[0]!));
    const before = await Deno.readFile(blobFile(daemon, layers[0]!));
    const hex = layers[0]!.slice("sha256:".length);
    const blobs = `${registry.data}/docker/registry/v2/blobs/sha256`;
    await Deno.remove(`${blobs}/${hex.slice(0, 2)}/${hex}`, { recursive: true });
    const { code, stderr } = await daemon.ctr(["images", "repair", reference]);
    assert.equal(code, 1);
    assert.match(stderr, RegExp(`${registry.host}.*${layers[0]}`));
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
    assert.deepEqual(await Deno.readFile(blobFile(daemon, layers[0]!)), before);
    assert.equal(await ok(daemon, ["run", "--rm", reference, "still", "cat", "/data/one"]), "one\n");
  }));
