/** Layers of snapshots, by Debian's ctr and ours, against our daemon. */
import assert from "node:assert/strict";
import { Client } from "../../../mod.ts";
import { ctrPath, must, run } from "../../harness/mod.ts";
import { Bench, changes, out } from "./support.ts";

const tar = "application/vnd.oci.image.layer.v1.tar";

/** What a ctr writes to its standard output, in a file. */
async function layerFile(bench: Bench, program: string, args: string[], name: string): Promise<string> {
  const file = bench.scratch.join(name);
  const script =
    `file=$1 program=$2 address=$3; shift 3; "$program" --address "$address" snapshots diff "$@" >"$file"`;
  await must("sh", ["-c", script, "sh", file, program, bench.ours.address, ...args]);
  return file;
}

Deno.test("Debian's ctr and ours get the same layer from our daemon, in every compression", async () => {
  await using bench = await Bench.make();
  await bench.run("changed", changes);
  const plain = await layerFile(bench, ctrPath, ["--media-type", tar, "changed"], "plain");
  const gzip = await layerFile(bench, "/usr/bin/ctr", ["changed"], "gzip");
  const zstd = await layerFile(bench, "/usr/bin/ctr", ["--media-type", `${tar}+zstd`, "changed"], "zstd");
  await must("sh", ["-c", 'gzip -dc "$1" | cmp - "$2"', "sh", gzip, plain]);
  await must("sh", ["-c", 'zstd -dc "$1" | cmp - "$2"', "sh", zstd, plain]);
  const listed = (await must("tar", ["-tf", plain])).trim().split("\n");
  for (const name of ["etc/.wh.group", "home/y", "root/new", "a/two", "a/fifo", "a/null", "bin/.wh.vi"]) {
    assert.ok(listed.includes(name), `${name} is in ${listed}`);
  }
  assert.ok(!listed.includes("etc/passwd"), "what hasn't changed isn't there");
  // The same snapshot against another one: what was before comes first.
  const parent = (await out(bench.ours.ctr(["snapshots", "ls"]))).match(/sha256:\w+/)![0];
  const named = await layerFile(bench, "/usr/bin/ctr", ["--media-type", tar, parent, "changed"], "named");
  await must("cmp", [named, plain]);
  assert.equal(await out(bench.ours.ctr(["leases", "ls", "-q"])), "", "no lease is left behind");
});

Deno.test("a layer is kept and labelled when asked for, and collected when not", async () => {
  await using bench = await Bench.make();
  await bench.run("changed", "echo x >/x");
  await using client = await Client.connect(bench.ours.address);
  const before = (await Array.fromAsync(client.content.list())).length;
  await layerFile(bench, "/usr/bin/ctr", ["changed"], "gone");
  await layerFile(
    bench,
    "/usr/bin/ctr",
    ["--keep", "--label", "one=1", "--media-type", tar, "changed"],
    "kept",
  );
  await using lease = await client.lease();
  await lease.delete({ sync: true });
  const after = await Array.fromAsync(client.content.list());
  assert.equal(after.length, before + 1);
  const [kept] = after.filter(({ labels }) => labels.one === "1");
  assert.equal(kept!.labels["containerd.io/uncompressed"], kept!.digest);
});

Deno.test("the same changes give the same layer with a source date, whenever they were made", async () => {
  await using bench = await Bench.make();
  const env = { SOURCE_DATE_EPOCH: "1700000000" };
  const digests: string[] = [];
  for (const id of ["first", "second"]) {
    await bench.run(id, "mkdir /made; echo same >/made/file; rm /etc/group");
    const { stdout } = await run(
      "sh",
      ["-c", '"$0" --address "$1" snapshots diff "$2" | sha256sum', ctrPath, bench.ours.address, id],
      { env },
    );
    digests.push(stdout);
  }
  assert.equal(digests[0], digests[1]);
});

Deno.test("what can't be made is refused clearly, and leaves nothing behind", async () => {
  await using bench = await Bench.make();
  await bench.run("bad", "echo >/etc/.wh.passwd");
  const refused = await bench.ours.goCtr(["snapshots", "diff", "bad"]);
  assert.match(refused.stderr, /a layer can't hold "etc\/\.wh\.passwd".*: invalid argument/);
  const unknown = await bench.ours.goCtr(["snapshots", "diff", "--media-type", "text/plain", "bad"]);
  assert.match(unknown.stderr, /media type "text\/plain".*: not implemented/);
  assert.match((await bench.ours.ctr(["snapshots", "diff", "absent"])).stderr, /absent.*not found/);
  assert.equal(await out(bench.ours.goCtr(["content", "active"])), "REF\tSIZE\tAGE\t\n");
  const views = (await out(bench.ours.ctr(["snapshots", "ls"]))).split("\n").filter((line) =>
    /View/.test(line)
  );
  assert.deepEqual(views, []);
});
