/** Repairs of images for several platforms, from registries that want to know who asks, under other names. */
import assert from "node:assert/strict";
import {
  busyboxImage,
  imageOfDirs,
  push,
  type Registry,
  Scratch,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { blobFile, flip, ok, partsOf, withRegistry } from "./support.ts";

const manifestType = "application/vnd.oci.image.manifest.v1+json";
const indexType = "application/vnd.oci.image.index.v1+json";

/** Puts an index of images of the registry under a tag of `app`. */
async function putIndex({ host }: Registry, tag: string, tags: Record<string, string>): Promise<void> {
  const manifests = await Promise.all(
    Object.entries(tags).map(async ([architecture, from]) => {
      const headers = { accept: manifestType };
      const answer = await fetch(`http://${host}/v2/app/manifests/${from}`, { headers });
      const { length: size } = await answer.bytes();
      const digest = answer.headers.get("docker-content-digest");
      return { mediaType: manifestType, digest, size, platform: { os: "linux", architecture } };
    }),
  );
  const body = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests });
  const headers = { "content-type": indexType };
  const answer = await fetch(`http://${host}/v2/app/manifests/${tag}`, { method: "PUT", headers, body });
  await answer.body?.cancel();
  assert.equal(answer.status, 201);
}

Deno.test("of an image for many platforms the index and this host's part are mended, others are not missed", () =>
  withRegistry(async ({ daemon, registry, scratch }) => {
    const arm = ["--architecture", "arm64"];
    const image = await imageOfDirs(scratch.join("arm"), [scratch.join("upper")], arm);
    await push(image, registry, "app:arm");
    await putIndex(registry, "multi", { amd64: "1", arm64: "arm" });
    const reference = `${registry.host}/app:multi`;
    await ok(daemon, ["images", "pull", reference]);
    assert.match(await ok(daemon, ["images", "check", "--deep"]), /ok \(5 blobs, 2 snapshots\)/);
    const index = /sha256:[0-9a-f]{64}/.exec(await ok(daemon, ["images", "ls"]))![0];
    const { manifests: [own] } = JSON.parse(await ok(daemon, ["content", "get", index]));
    await flip(blobFile(daemon, index));
    await Deno.remove(blobFile(daemon, own.digest));
    const repaired = await ok(daemon, ["images", "repair", reference]);
    assert.match(repaired, RegExp(`${index}: fetched from[^]*${own.digest}: fetched from`));
    await ok(daemon, ["content", "rm", own.digest]);
    assert.match(await ok(daemon, ["images", "repair", reference]), /is missing\n.*fetched from/);
    assert.match(await ok(daemon, ["images", "check", "--deep"]), /ok \(5 blobs, 2 snapshots\)/);
    // The collector may come before the repair: then all below is gone too.
    await ok(daemon, ["content", "rm", own.digest]);
    await ok(daemon, ["prune"]);
    assert.equal((await ok(daemon, ["images", "repair", reference])).match(/fetched from/g)!.length, 4);
    await ok(daemon, ["prune"]);
    assert.match(await ok(daemon, ["images", "check", "--deep"]), /ok \(5 blobs, 2 snapshots\)/);
    assert.equal(await ok(daemon, ["run", "--rm", reference, "c", "cat", "/data/one"]), "one\n");

    const other = ["-n", "arm", "images"];
    await ok(daemon, [...other, "pull", "--platform", "linux/arm64", reference]);
    const { code, stdout } = await daemon.ctr([...other, "check", "--deep"]);
    assert.equal(code, 0, stdout);
    assert.match(await ok(daemon, [...other, "repair", reference]), /nothing is damaged/);
  }));

Deno.test("an image of another name is mended from where its labels say it came from", () =>
  withRegistry(async ({ daemon, registry, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    const { layers } = await partsOf(daemon, reference);
    const name = `${registry.host}/nowhere/else:1`;
    await ok(daemon, ["images", "tag", reference, name]);
    await flip(blobFile(daemon, layers[1]!));
    const text = await ok(daemon, ["images", "repair", name]);
    assert.match(text, RegExp(`${layers[1]}: fetched from ${registry.host}/app\n`));
    // One without a registry has nobody to ask.
    await ok(daemon, ["content", "label", layers[1]!, "containerd.io/distribution.source.127.0.0.1="]);
    const { target } = await partsOf(daemon, reference);
    await ok(daemon, ["content", "label", target, "containerd.io/distribution.source.127.0.0.1="]);
    await ok(daemon, ["images", "tag", reference, "local"]);
    await flip(blobFile(daemon, layers[1]!));
    const { code, stderr } = await daemon.ctr(["images", "repair", "local"]);
    assert.equal(code, 1);
    assert.match(stderr, /^ctr: local names no registry, and sha256:.* has no distribution.source label/);
  }));

Deno.test("a registry that asks for a password gets it from the flag, and its refusal is told in a line", async () => {
  await using scratch = await Scratch.make("shm");
  const user = { name: "alice", password: "secret" };
  await using registry = await startRegistry({ where: "shm", user });
  const said = `${user.name}:${user.password}`;
  const reference = await push(await busyboxImage(scratch), registry, "app:1", ["--dest-creds", said]);
  await using daemon = await startLongshore({ where: "shm" });
  await ok(daemon, ["images", "pull", "--user", said, reference]);
  const { layers: [layer] } = await partsOf(daemon, reference);
  await flip(blobFile(daemon, layer!));
  const refused = await daemon.ctr(["images", "repair", reference]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /401|authenti|authoriz/i);
  assert.equal(refused.stderr.trim().split("\n").length, 1, refused.stderr);
  assert.match(await ok(daemon, ["images", "repair", "--user", said, reference]), /: repaired\n$/);
  assert.match(await ok(daemon, ["images", "check", "--deep"]), /ok \(3 blobs, 1 snapshots\)/);
});
