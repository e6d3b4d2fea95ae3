/** Images with other compression and other media types: the same files, by us, umoci and Debian's ctr. */
import assert from "node:assert/strict";
import { Client } from "../../../mod.ts";
import { startContainerd } from "../../harness/mod.ts";
import { compareTrees, type Difference, readTree } from "../../harness/tree.ts";
import { Bench, changes, out } from "./support.ts";

const known = ({ path, field }: Difference) => path === "" || field === "links";
const digestOf = (text: string) => /^sha256:[0-9a-f]{64}$/m.exec(text)![0];

Deno.test("every conversion has the same files, and the way back gives the same image", async () => {
  await using bench = await Bench.make();
  const { ours } = bench;
  await bench.run("worked", changes);
  await out(ours.ctr(["commit", "worked", "docker.io/library/base:1"]));
  const convert = async (flags: string[], from: string, to: string) =>
    digestOf(
      await out(
        ours.ctr(["images", "convert", ...flags, `docker.io/library/${from}`, `docker.io/library/${to}`]),
      ),
    );
  // Through our own gzip first: umoci's, which the lower layer has, packs the same tar into other bytes.
  const plain = await convert(["--uncompress"], "base:1", "plain:1");
  const gzip = await convert(["--gzip"], "plain:1", "gzip:1");
  const zstd = await convert(["--zstd"], "gzip:1", "zstd:1");
  const docker = await convert(["--docker"], "gzip:1", "docker:1");
  assert.equal(new Set([plain, gzip, zstd, docker]).size, 4);
  assert.equal(await convert(["--gzip"], "zstd:1", "back:1"), gzip);
  assert.equal(await convert(["--oci"], "docker:1", "back:2"), gzip);
  assert.equal(await convert(["--uncompress"], "zstd:1", "back:3"), plain);
  assert.equal(await convert(["--zstd", "--oci"], "docker:1", "back:4"), zstd);
  const wanted = readTree(await bench.mounted("base:1"));
  for (const name of ["plain:1", "docker:1"]) {
    const umoci = readTree(await bench.unpackedByUmoci(`docker.io/library/${name}`));
    assert.deepEqual(compareTrees(umoci, wanted, known), [], name);
  }
  // Debian's umoci knows no zstd; its containerd does.
  await using theirs = await startContainerd();
  const archive = bench.scratch.join("zstd.tar");
  await out(ours.goCtr(["images", "export", archive, "docker.io/library/zstd:1"]));
  await out(theirs.ctr(["images", "import", archive]));
  const target = bench.scratch.join("zstd");
  await Deno.mkdir(target);
  await out(theirs.ctr(["images", "mount", "docker.io/library/zstd:1", target]));
  assert.deepEqual(compareTrees(readTree(target), wanted, known), [], "zstd");
});

Deno.test("our conversion to plain OCI layers is the one that Debian's ctr makes", async () => {
  await using bench = await Bench.make();
  const { ours, busybox } = bench;
  await out(ours.ctr(["images", "convert", "--docker", busybox, "docker.io/library/docker:1"]));
  const flags = ["--uncompress", "--oci"];
  await out(
    ours.ctr(["images", "convert", ...flags, "docker.io/library/docker:1", "docker.io/library/ours:1"]),
  );
  await out(
    ours.goCtr(["images", "convert", ...flags, "docker.io/library/docker:1", "docker.io/library/theirs:1"]),
  );
  await using client = await Client.connect(ours.address);
  const parts = async (name: string) =>
    (await (await client.image(`docker.io/library/${name}`)).parts()).map(({ mediaType, digest, size }) => ({
      mediaType,
      digest,
      size,
    }));
  assert.deepEqual(await parts("ours:1"), await parts("theirs:1"));
});

Deno.test("an image converted by us against Debian's containerd runs there", async () => {
  await using bench = await Bench.make();
  await using theirs = await startContainerd();
  const archive = bench.scratch.join("image.tar");
  await out(bench.ours.goCtr(["images", "export", archive, bench.busybox]));
  await out(theirs.ctr(["images", "import", archive]));
  await using client = await Client.connect(theirs.address);
  const image = await (await client.image(bench.busybox)).convert("docker.io/library/zstd:1", {
    compression: "zstd",
  });
  assert.match((await image.manifest()).layers[0]!.mediaType, /[+]zstd$/);
  const target = bench.scratch.join("target");
  await Deno.mkdir(target);
  await image.mount(target);
  const names = [...Deno.readDirSync(target)].map(({ name }) => name);
  await client.unmountImage(target, { remove: true });
  assert.ok(names.includes("bin") && names.includes("etc"), names.join(" "));
});

Deno.test("a platform that an image isn't for, and a layer that isn't what the config says, are told", async () => {
  await using bench = await Bench.make();
  const { ours, busybox } = bench;
  await using client = await Client.connect(ours.address);
  const image = await client.image(busybox);
  const manifest = await image.manifest();
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [{
      mediaType: image.record.target!.mediaType,
      digest: image.digest,
      size: Number(image.record.target!.size),
      platform: { os: "linux", architecture: "amd64" },
    }],
  };
  const bytes = new TextEncoder().encode(JSON.stringify(index));
  const digest = await client.content.write("index", [bytes], {
    labels: { "containerd.io/gc.ref.content.m.0": image.digest },
  });
  const target = { mediaType: index.mediaType, digest, size: BigInt(bytes.length), annotations: {} };
  const record = {
    name: "docker.io/library/index:1",
    labels: {},
    target,
    createdAt: undefined,
    updatedAt: undefined,
  };
  await client.services.images.create({ image: record });
  const arm = await ours.ctr(["images", "convert", "--platform", "linux/s390x", "--zstd", "index:1", "x:1"]);
  assert.match(arm.stderr, /no manifest for linux\/s390x/);
  const made = await (await client.image("docker.io/library/index:1")).convert("docker.io/library/x:1", {
    compression: "zstd",
  });
  assert.equal(made.record.target!.mediaType, index.mediaType);
  assert.match((await made.manifest()).layers[0]!.mediaType, /zstd$/);
  assert.equal((await made.manifest()).config.digest, manifest.config.digest);
});
