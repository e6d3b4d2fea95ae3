/** `ctr images export`: what goes out, for which platforms, and that it is the same again. */
import assert from "node:assert/strict";
import { must, push, Scratch, startLongshore, startRegistry } from "../../harness/mod.ts";
import { Client } from "../../../mod.ts";
import { pushIndex, stored } from "../push/real.ts";
import { makeTar } from "../../harness/tar.ts";
import { blobFile, layoutFiles, madeImage } from "./made.ts";
import { boxArchives, fails, listed, store, succeeds } from "./support.ts";

const names = async (tar: string) => (await must("tar", ["-tf", tar])).trim().split("\n");

Deno.test("ctr exports an OCI layout with docker's manifest, the same bytes each time", async (t) => {
  await using scratch = await Scratch.make("shm");
  await using daemon = await startLongshore({ where: "shm" });
  await using other = await startLongshore({ where: "shm" });
  const { oci, digest } = await boxArchives(scratch);
  await succeeds(daemon.ctr(["images", "import", "--base-name", "docker.io/library/box", oci]));
  const [one, two] = [scratch.join("one.tar"), scratch.join("two.tar")];

  await t.step("to a file", async () => {
    await succeeds(daemon.ctr(["images", "export", one, "box:1"]));
    const files = await names(one);
    assert.deepEqual(files.slice(0, 5), [
      "oci-layout",
      "index.json",
      "manifest.json",
      "blobs/",
      "blobs/sha256/",
    ]);
    assert.equal(files.length, 8);
    const read = async (name: string) => JSON.parse(await must("tar", ["-xOf", one, name]));
    const [entry] = (await read("index.json")).manifests;
    assert.equal(entry.digest, digest);
    assert.equal(entry.annotations["io.containerd.image.name"], "docker.io/library/box:1");
    assert.equal(entry.annotations["org.opencontainers.image.ref.name"], "1");
    assert.deepEqual((await read("manifest.json"))[0].RepoTags, ["box:1"]);
  });

  await t.step("to the standard output, the same", async () => {
    await must(
      "sh",
      ["-ec", `"$1" --address "$2" images export - box:1 >"$3"`, "sh"].concat(
        new URL("../../../dist/ctr", import.meta.url).pathname,
        daemon.address,
        two,
      ),
    );
    assert.deepEqual(await Deno.readFile(two), await Deno.readFile(one));
  });

  await t.step("and into another daemon, which exports the same again", async () => {
    await succeeds(other.ctr(["images", "import", one]));
    assert.deepEqual(await store(other), await store(daemon));
    await succeeds(other.ctr(["images", "export", two, "docker.io/library/box:1"]));
    assert.deepEqual(await Deno.readFile(two), await Deno.readFile(one));
  });

  await t.step("without docker's manifest, and several images with what they share once", async () => {
    await succeeds(daemon.ctr(["images", "tag", "docker.io/library/box:1", "example.test/box:2"]));
    await succeeds(
      daemon.ctr(["images", "export", "--skip-manifest-json", two, "box:1", "example.test/box:2"]),
    );
    const files = await names(two);
    assert.ok(!files.includes("manifest.json"));
    assert.equal(files.length, new Set(files).size);
    await succeeds(other.ctr(["images", "rm", "--sync", "docker.io/library/box:1"]));
    await succeeds(other.ctr(["images", "import", two]));
    assert.deepEqual(await listed(other, "images", "ls"), ["docker.io/library/box:1", "example.test/box:2"]);
  });

  await t.step("by the library", async () => {
    await using client = await Client.connect(daemon.address);
    const parts: Uint8Array[] = [];
    for await (const bytes of client.export(["docker.io/library/box:1"])) parts.push(bytes);
    assert.deepEqual(
      new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer()),
      await Deno.readFile(one),
    );
    // Who stops reading is let go.
    for await (const _ of client.export(["docker.io/library/box:1"])) break;
    await assert.rejects(Array.fromAsync(client.export(["none"])), /image "none".*not found/);
  });

  await t.step("what can't be exported leaves no file", async () => {
    const never = scratch.join("never.tar");
    assert.match(await fails(daemon.ctr(["images", "export", never, "none:1"])), /not found/);
    assert.match(await fails(daemon.ctr(["images", "export", never])), /please provide both/);
    const left = (await Array.fromAsync(Deno.readDir(scratch.path))).map(({ name }) => name);
    assert.deepEqual(left.filter((name) => name.startsWith("never")), []);
  });

  await t.step("damaged content is told, not handed on", async () => {
    const { content } = await store(daemon);
    const largest = await Promise.all(content.map(async (name) => {
      const path = `${daemon.root}/content/blobs/${name.replace(":", "/")}`;
      return { path, size: (await Deno.stat(path)).size };
    }));
    const { path } = largest.sort((a, b) => b.size - a.size)[0]!;
    await Deno.chmod(path, 0o600);
    const file = await Deno.open(path, { write: true });
    await file.write(new TextEncoder().encode("damage"));
    file.close();
    assert.match(
      await fails(daemon.ctr(["images", "export", two, "box:1"])),
      /content sha256:\S+ is damaged/,
    );
    // The archive that had the name before still has it.
    assert.ok((await names(two)).includes("index.json"));
  });
});

Deno.test("of an image for many platforms what is here is exported, and what isn't is named", async (t) => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  await using daemon = await startLongshore({ where: "shm" });
  await using other = await startLongshore({ where: "shm" });
  const from = await pushIndex(scratch, registry);
  const whole = await stored(from);
  const [amd64, arm64] = whole.json.manifests;
  const tar = scratch.join("index.tar");
  const blob = ({ digest }: { digest: string }) => `blobs/${digest.replace(":", "/")}`;
  await succeeds(daemon.ctr(["images", "pull", "--no-unpack", "--platform", "linux/arm64", from]));

  await t.step("those that are here if this machine's isn't", async () => {
    await succeeds(daemon.ctr(["images", "export", tar, from]));
    const files = await names(tar);
    assert.ok(files.includes(blob(arm64)) && files.includes(blob(whole)) && !files.includes(blob(amd64)));
  });

  await t.step("an import says for which platforms it is, and takes the one that is asked for", async () => {
    const message = await fails(other.ctr(["images", "import", tar]));
    assert.match(message, /no image for linux\/amd64 in it; it has .*linux\/arm64.*--platform/);
    assert.deepEqual(await store(other), { images: [], content: [] });
    await succeeds(other.ctr(["images", "import", "--no-unpack", "--platform", "linux/arm64", tar]));
    assert.deepEqual(await listed(other, "images", "ls"), [from]);
    await succeeds(other.ctr(["images", "rm", "--sync", from]));
    await succeeds(other.ctr(["images", "import", "--no-unpack", "--all-platforms", tar]));
    assert.deepEqual(await store(other), await store(daemon));
  });

  await t.step("asked for and not here: an error with the platform and the command that helps", async () => {
    const one = await fails(daemon.ctr(["images", "export", "--platform", "linux/amd64", tar, from]));
    assert.ok(one.includes("linux/amd64 is not all here"), one);
    assert.ok(one.includes(`ctr images pull --platform linux/amd64 ${from}`), one);
    const all = await fails(daemon.ctr(["images", "export", "--all-platforms", tar, from]));
    assert.ok(all.includes(`ctr images pull --all-platforms ${from}`), all);
    const none = await fails(daemon.ctr(["images", "export", "--platform", "linux/s390x", tar, from]));
    assert.match(none, /no image for linux\/s390x in it/);
  });

  await t.step("all of them, and this machine's by itself", async () => {
    await succeeds(daemon.ctr(["images", "pull", "--no-unpack", "--all-platforms", from]));
    await succeeds(daemon.ctr(["images", "export", "--all-platforms", tar, from]));
    await succeeds(other.ctr(["images", "import", "--all-platforms", tar]));
    assert.deepEqual(await store(other), await store(daemon));
    await succeeds(daemon.ctr(["images", "export", tar, from]));
    const files = await names(tar);
    assert.ok(files.includes(blob(amd64)) && !files.includes(blob(arm64)));
    await succeeds(other.ctr(["images", "rm", "--sync", from]));
    await succeeds(other.ctr(["images", "import", tar]));
    assert.deepEqual(await listed(other, "images", "ls"), [from]);
  });

  await t.step("a single image whose layers were given back, too", async () => {
    await using own = await Scratch.make("shm");
    const single = await push((await boxArchives(own)).layout, registry, "single:1");
    await succeeds(daemon.ctr(["images", "pull", single]));
    const { json } = await stored(single);
    await succeeds(daemon.ctr(["content", "rm", json.layers[0].digest]));
    const message = await fails(daemon.ctr(["images", "export", tar, single]));
    assert.ok(message.includes(`linux/amd64 is not all here (layer ${json.layers[0].digest})`), message);
    assert.ok(message.includes(`ctr images pull --platform linux/amd64 ${single}`), message);
    await succeeds(daemon.ctr(["images", "pull", "--platform", "linux/amd64", single]));
    await succeeds(daemon.ctr(["images", "export", tar, single]));
  });
});

Deno.test("layers that may not be handed on can be left out", async () => {
  await using scratch = await Scratch.make("shm");
  await using daemon = await startLongshore({ where: "shm" });
  await using other = await startLongshore({ where: "shm" });
  const mediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar";
  const image = madeImage({ layer: { mediaType } });
  const [path, out] = [scratch.join("in.tar"), scratch.join("out.tar")];
  await Deno.writeFile(path, makeTar(layoutFiles(image)));
  await succeeds(daemon.ctr(["images", "import", "--base-name", "made.test/foreign", path]));
  const name = "made.test/foreign:1";
  const layer = blobFile(image.layer).name;

  await succeeds(daemon.ctr(["images", "export", out, name]));
  assert.ok((await names(out)).includes(layer));
  await succeeds(daemon.ctr(["images", "export", "--skip-non-distributable", out, name]));
  assert.ok(!(await names(out)).includes(layer));

  // Without the layer it can be kept, but not unpacked.
  assert.match(
    await fails(other.ctr(["images", "import", out])),
    /names the layer sha256:\S+, which is neither/,
  );
  await succeeds(other.ctr(["images", "import", "--no-unpack", out]));
  assert.deepEqual(await listed(other, "images", "ls"), [name]);
  const message = await fails(other.ctr(["images", "export", path, name]));
  assert.match(
    message,
    /non-distributable layer sha256:\S+.*--skip-non-distributable leaves such layers out/,
  );
  await succeeds(other.ctr(["images", "export", "--skip-non-distributable", path, name]));
  assert.deepEqual(await Deno.readFile(path), await Deno.readFile(out));
});
