/** Archives between us and others: skopeo, umoci, GNU tar and Debian's containerd read ours, and we read theirs. */
import assert from "node:assert/strict";
import { ctrPath, must, run, Scratch, startContainerd, startLongshore } from "../../harness/mod.ts";
import { boxArchives, listed, store, succeeds } from "../../integration/archives/support.ts";

/** What skopeo says an archive's image is. */
async function inspected(from: string): Promise<{ raw: string; config: string }> {
  const raw = await must("skopeo", ["inspect", "--raw", from]);
  const config = await must("skopeo", ["inspect", "--config", from]);
  return { raw, config };
}

Deno.test("others read what we export, digest for digest", async (t) => {
  await using scratch = await Scratch.make("shm");
  await using daemon = await startLongshore({ where: "shm" });
  await using containerd = await startContainerd("shm");
  const { oci, layout } = await boxArchives(scratch);
  const tar = scratch.join("ours.tar");
  await succeeds(daemon.ctr(["images", "import", "--base-name", "docker.io/library/box", oci]));
  await succeeds(daemon.ctr(["images", "export", tar, "box:1"]));
  const original = await inspected(`oci:${layout.path}:${layout.tag}`);

  await t.step("skopeo, as an OCI archive", async () => {
    assert.deepEqual(await inspected(`oci-archive:${tar}:1`), original);
    const copy = scratch.join("copy");
    await must("skopeo", ["copy", "--quiet", "--preserve-digests", `oci-archive:${tar}:1`, `oci:${copy}:1`]);
    assert.deepEqual(await inspected(`oci:${copy}:1`), original);
  });

  await t.step("skopeo, as docker load would", async () => {
    assert.equal((await inspected(`docker-archive:${tar}:box:1`)).config, original.config);
    const copy = scratch.join("loaded");
    await must("skopeo", ["copy", "--quiet", `docker-archive:${tar}:box:1`, `dir:${copy}`]);
  });

  await t.step("tar and umoci", async () => {
    const dir = scratch.join("layout");
    await Deno.mkdir(dir);
    await must("tar", ["-C", dir, "-xf", tar]);
    assert.equal((await must("umoci", ["ls", "--layout", dir])).trim(), "1");
    await must("umoci", ["unpack", "--image", `${dir}:1`, scratch.join("bundle")]);
    assert.ok((await Deno.stat(scratch.join("bundle/rootfs/bin/busybox"))).size > 100_000);
  });

  await t.step("Debian's containerd", async () => {
    await succeeds(containerd.ctr(["images", "import", tar]));
    const [images, content] = [["images", "ls"], ["content", "ls"]].map((list) =>
      succeeds(containerd.ctr([...list, "-q"])).then((text) => text.trim().split("\n").sort())
    );
    assert.deepEqual(await images, ["docker.io/library/box:1"]);
    const here = (await store(daemon)).content;
    // It keeps the archive's index.json as content, too, until it collects.
    const there = await content!;
    assert.deepEqual(here.filter((digest) => !there.includes(digest)), []);
    const run = ["run", "--rm", "docker.io/library/box:1", "box", "echo", "hello"];
    assert.equal(await succeeds(containerd.ctr(run)), "hello\n");
  });
});

Deno.test("we read what others write, digest for digest", async (t) => {
  await using scratch = await Scratch.make("shm");
  await using daemon = await startLongshore({ where: "shm" });
  await using containerd = await startContainerd("shm");
  const { oci, docker, layout, digest } = await boxArchives(scratch);
  const targetOf = async (side: { ctr: typeof daemon.ctr }, name: string) => {
    const rows = (await succeeds(side.ctr(["images", "ls", `name==${name}`]))).trim().split("\n");
    return /sha256:[0-9a-f]{64}/.exec(rows[1] ?? "")?.[0];
  };

  await t.step("docker save's format becomes the manifest that Debian's containerd makes", async () => {
    // One that has the layer compressed already would name that instead.
    await succeeds(daemon.ctr(["images", "import", docker]));
    await succeeds(containerd.ctr(["images", "import", docker]));
    const ours = await targetOf(daemon, "example.test/box:1");
    assert.ok(ours);
    assert.equal(ours, await targetOf(containerd, "example.test/box:1"));
  });

  await t.step("Debian's ctr images export", async () => {
    const tar = scratch.join("theirs.tar");
    await succeeds(containerd.ctr(["images", "import", "--base-name", "docker.io/library/box", oci]));
    await succeeds(containerd.ctr(["images", "export", tar, "docker.io/library/box:1"]));
    await succeeds(daemon.ctr(["images", "import", tar]));
    assert.equal(await targetOf(daemon, "docker.io/library/box:1"), digest);
  });

  await t.step("and its layers can be compressed on the way", async () => {
    await succeeds(daemon.ctr(["images", "import", "--compress-blobs", docker]));
    const manifest = await succeeds(
      daemon.ctr(["content", "get", (await targetOf(daemon, "example.test/box:1"))!]),
    );
    const { mediaType, digest } = JSON.parse(manifest).layers[0];
    assert.equal(mediaType, "application/vnd.docker.image.rootfs.diff.tar.gzip");
    const layer = scratch.join("layer.tar.gz");
    await must(
      "sh",
      ["-ec", `"$1" --address "$2" content get "$3" >"$4"`, "sh"].concat(
        new URL("../../../dist/ctr", import.meta.url).pathname,
        daemon.address,
        digest,
        layer,
      ),
    );
    await must("gzip", ["--test", layer]);
    assert.equal(
      await succeeds(daemon.ctr(["run", "--rm", "example.test/box:1", "gz", "echo", "hi"])),
      "hi\n",
    );
    await succeeds(daemon.ctr(["images", "import", docker]));
  });

  await t.step("docker save's older format, with links between its layers", async () => {
    const dir = scratch.join("legacy");
    await Deno.mkdir(dir);
    await must("tar", ["-C", dir, "-xf", docker]);
    const [manifest] = JSON.parse(await Deno.readTextFile(`${dir}/manifest.json`));
    const [layer] = manifest.Layers;
    await Deno.mkdir(`${dir}/aaa`);
    await Deno.symlink(`../${layer}`, `${dir}/aaa/layer.tar`);
    const linked = { ...manifest, Layers: ["aaa/layer.tar"], RepoTags: ["legacy:1", "legacy:2"] };
    await Deno.writeTextFile(`${dir}/manifest.json`, JSON.stringify([linked]));
    const tar = scratch.join("legacy.tar");
    await must("tar", ["-C", dir, "-cf", tar, "."]);
    await succeeds(daemon.ctr(["images", "import", tar]));
    assert.equal(
      await targetOf(daemon, "docker.io/library/legacy:2"),
      await targetOf(daemon, "example.test/box:1"),
    );
  });

  await t.step("a layout that umoci made, packed by GNU tar", async () => {
    const tar = scratch.join("umoci.tar");
    await must("tar", ["-C", layout.path, "-cf", tar, "."]);
    await succeeds(daemon.ctr(["images", "import", "--base-name", "umoci/box", tar]));
    assert.equal(await targetOf(daemon, "umoci/box:latest"), digest);
  });

  await t.step("a layout and docker's manifest in one, several images", async () => {
    await succeeds(daemon.ctr(["images", "tag", "umoci/box:latest", "example.test/other:3"]));
    const tar = scratch.join("both.tar");
    await succeeds(daemon.ctr(["images", "export", tar, "example.test/other:3", "example.test/box:1"]));
    await succeeds(containerd.ctr(["images", "import", tar]));
    for (const name of ["example.test/other:3", "example.test/box:1"]) {
      assert.equal(await targetOf(containerd, name), await targetOf(daemon, name));
    }
  });
});

Deno.test("Go's ctr imports into our daemon and exports from it", async () => {
  await using scratch = await Scratch.make("shm");
  await using daemon = await startLongshore({ where: "shm" });
  const { oci, docker, digest } = await boxArchives(scratch);
  await succeeds(daemon.goCtr(["images", "import", "--base-name", "go/box", oci]));
  await succeeds(daemon.goCtr(["images", "import", docker]));
  assert.deepEqual(await listed(daemon, "images", "ls"), ["example.test/box:1", "go/box:1"]);
  assert.ok((await succeeds(daemon.ctr(["images", "ls", "name==go/box:1"]))).includes(digest));
  const run = ["run", "--rm", "example.test/box:1", "box", "echo", "hello"];
  assert.equal(await succeeds(daemon.goCtr(run)), "hello\n");
  const tar = scratch.join("go.tar");
  await succeeds(daemon.goCtr(["images", "export", tar, "go/box:1"]));
  assert.match(await must("skopeo", ["inspect", "--raw", `oci-archive:${tar}:1`]), /schemaVersion/);
});

Deno.test("our ctr imports into Debian's containerd and exports from it, without a Transfer service", async () => {
  await using scratch = await Scratch.make("shm");
  await using containerd = await startContainerd("shm");
  await using daemon = await startLongshore({ where: "shm" });
  const { oci, docker, digest } = await boxArchives(scratch);
  const ctr = (...args: string[]) => run(ctrPath, ["--address", containerd.address, ...args]);
  await must("gzip", ["-k", oci]);
  const names = ["--base-name", "docker.io/library/box", "--digests", "--index-name", "box/index:1"];
  assert.match(await succeeds(ctr("images", "import", ...names, `${oci}.gz`)), /box:1: saved/);
  await succeeds(ctr("images", "import", docker));
  const images = (await succeeds(containerd.ctr(["images", "ls", "-q"]))).trim().split("\n").sort();
  const all = [
    "docker.io/library/box:1",
    `docker.io/library/box@${digest}`,
    "box/index:1",
    "example.test/box:1",
  ];
  assert.deepEqual(images, all.sort());
  for (const name of ["docker.io/library/box:1", "example.test/box:1"]) {
    assert.equal(await succeeds(containerd.ctr(["run", "--rm", name, "box", "echo", "hello"])), "hello\n");
  }
  const [theirs, ours] = [scratch.join("theirs.tar"), scratch.join("ours.tar")];
  await succeeds(ctr("images", "export", theirs, "box:1"));
  await succeeds(daemon.ctr(["images", "import", theirs]));
  await succeeds(daemon.ctr(["images", "export", ours, "box:1"]));
  assert.deepEqual(await Deno.readFile(theirs), await Deno.readFile(ours));
  await Deno.writeFile(oci, (await Deno.readFile(oci)).subarray(0, 50_000));
  const broken = await ctr("images", "import", oci);
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /ends in the middle of entry/);
});
