/** Containers committed to images, read by others. */
import assert from "node:assert/strict";
import { Client } from "../../../mod.ts";
import { must, startContainerd } from "../../harness/mod.ts";
import { compareTrees, type Difference, readTree } from "../../harness/tree.ts";
import { Bench, changes, out } from "./support.ts";

/** The root is no entry of a layer; an overlay counts names of a file that it hides. */
const known = ({ path, field }: Difference) => path === "" || field === "links";

Deno.test("a committed container has the container's files: by us, by umoci, by Debian's containerd", async () => {
  await using bench = await Bench.make();
  const { ours, scratch } = bench;
  await bench.run("worked", changes);
  const said = await out(ours.ctr(["commit", "-a", "Ada", "-m", "tuned", "worked", "example.com/tuned:1"]));
  assert.match(said, /^example\.com\/tuned:1\nsha256:[0-9a-f]{64}\n$/);
  const rootfs = scratch.join("container");
  await Deno.mkdir(rootfs);
  await must("sh", ["-c", await out(ours.ctr(["snapshots", "mounts", rootfs, "worked"]))]);
  const wanted = readTree(rootfs);
  await must("umount", [rootfs]);
  assert.deepEqual(compareTrees(readTree(await bench.mounted("example.com/tuned:1")), wanted, known), []);
  const umoci = readTree(await bench.unpackedByUmoci("example.com/tuned:1"));
  assert.deepEqual(compareTrees(umoci, wanted, known), []);
  await using theirs = await startContainerd();
  const archive = scratch.join("image.tar");
  await out(ours.goCtr(["images", "export", archive, "example.com/tuned:1"]));
  await out(theirs.ctr(["images", "import", archive]));
  const target = scratch.join("theirs");
  await Deno.mkdir(target);
  await out(theirs.ctr(["images", "mount", "example.com/tuned:1", target]));
  assert.deepEqual(compareTrees(readTree(target), wanted, known), []);
  await out(theirs.ctr(["images", "unmount", "--rm", target]));
});

Deno.test("a committed image says who made it, of what, and runs", async () => {
  await using bench = await Bench.make();
  await bench.run("worked", "echo hello >/greeting");
  await using client = await Client.connect(bench.ours.address);
  const image = await client.container("worked").commit("docker.io/library/greeter:1", {
    author: "Ada",
    message: "greets",
    config: { Cmd: ["cat", "/greeting"] },
    sourceDate: 1_700_000_000,
    compression: "zstd",
  });
  assert.equal(await image.isUnpacked(), true);
  const { layers, config } = await image.manifest();
  assert.equal(layers.at(-1)!.mediaType, "application/vnd.oci.image.layer.v1.tar+zstd");
  const document = JSON.parse(
    new TextDecoder().decode(await client.content.readAll(undefined, config.digest, 1 << 20)),
  );
  assert.deepEqual(document.history.at(-1), {
    created: "2023-11-14T22:13:20.000Z",
    created_by: "sh -c echo hello >/greeting",
    author: "Ada",
    comment: "greets",
  });
  assert.equal(document.rootfs.diff_ids.length, layers.length);
  assert.equal(await out(bench.ours.ctr(["run", "--rm", "greeter:1", "greeted"])), "hello\n");
  // Committed again it is the very same: nothing of it depends on when it was made.
  const again = await client.container("worked").commit("docker.io/library/greeter:2", {
    author: "Ada",
    message: "greets",
    config: { Cmd: ["cat", "/greeting"] },
    sourceDate: 1_700_000_000,
    compression: "zstd",
  });
  assert.equal(again.digest, image.digest);
});

Deno.test("a running container is paused while it is committed, and runs on", async () => {
  await using bench = await Bench.make();
  const { ours, busybox } = bench;
  const script = "i=0; while :; do echo $i >/next; mv /next /count; i=$((i+1)); done";
  await out(ours.ctr(["run", "-d", busybox, "busy", "sh", "-c", script]));
  await out(ours.ctr(["containers", "commit", "busy", "busy:1"]));
  assert.match(await out(ours.ctr(["tasks", "ls"])), /busy\s+\d+\s+RUNNING/);
  const count = await out(ours.ctr(["run", "--rm", "busy:1", "reader", "cat", "/count"]));
  assert.match(count, /^\d+\n$/);
});

Deno.test("a container whose image was replaced, or that has none, is not committed", async () => {
  await using bench = await Bench.make();
  const { ours, busybox } = bench;
  await bench.run("one", "echo 1 >/one");
  await out(ours.ctr(["commit", "one", "docker.io/library/one:1"]));
  await out(ours.ctr(["images", "tag", "--force", "one:1", busybox]));
  const replaced = await ours.ctr(["commit", "one", "docker.io/library/one:2"]);
  assert.match(
    replaced.stderr,
    /container one is on top of sha256:\w+, its image has become sha256:\w+ since/,
  );
  await out(ours.ctr(["images", "rm", busybox]));
  assert.match((await ours.ctr(["commit", "one", "docker.io/library/one:2"])).stderr, /busybox:1.*not found/);
  assert.match((await ours.ctr(["commit", "absent", "docker.io/library/one:2"])).stderr, /absent.*not found/);
  assert.equal(await out(ours.ctr(["leases", "ls", "-q"])), "");
});
