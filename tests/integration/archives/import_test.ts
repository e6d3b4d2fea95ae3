/** `ctr images import`: what comes in, under which names, and that it runs. */
import assert from "node:assert/strict";
import { must, Scratch, startLongshore } from "../../harness/mod.ts";
import { Client } from "../../../mod.ts";
import { boxArchives, fails, listed, store, succeeds } from "./support.ts";

const today = new Date().toISOString().slice(0, 10);

Deno.test("ctr imports OCI layouts and docker archives, and containers of them run", async (t) => {
  await using scratch = await Scratch.make("shm");
  await using daemon = await startLongshore({ where: "shm" });
  const { oci, docker, digest } = await boxArchives(scratch);
  const runs = async (name: string, id: string) =>
    assert.equal(await succeeds(daemon.ctr(["run", "--rm", name, id, "echo", "hello"])), "hello\n");

  await t.step("an OCI layout, named by its tag and the day", async () => {
    const output = await succeeds(daemon.ctr(["images", "import", oci]));
    assert.match(output, /^import-\S+:1: saved /m);
    assert.deepEqual(await listed(daemon, "images", "ls"), [`import-${today}:1`]);
    const row = await succeeds(daemon.ctr(["images", "ls"]));
    assert.ok(row.includes(digest), row);
    assert.match(await succeeds(daemon.ctr(["images", "check"])), /unpacked|true/);
    await runs(`import-${today}:1`, "oci");
  });

  await t.step("what docker save writes, under its own name", async () => {
    await succeeds(daemon.ctr(["images", "import", docker]));
    assert.ok((await listed(daemon, "images", "ls")).includes("example.test/box:1"));
    await runs("example.test/box:1", "docker");
  });

  await t.step("from the standard input, compressed by gzip and zstd", async () => {
    for (const [tool, extra] of [["gzip", []], ["zstd", ["-q"]]] as const) {
      const script = `${
        [tool, ...extra].join(" ")
      } -c "$1" | "$2" --address "$3" images import --base-name by/${tool} -`;
      const { dist } = { dist: new URL("../../../dist/ctr", import.meta.url).pathname };
      await must("sh", ["-ec", script, "sh", oci, dist, daemon.address]);
      assert.ok((await listed(daemon, "images", "ls")).includes(`by/${tool}:1`));
    }
  });

  await t.step("with digests, an index name and labels", async () => {
    const names = ["--base-name", "named/box", "--digests", "--index-name", "named/index:all"];
    await succeeds(daemon.ctr(["images", "import", ...names, "--label", "a=b", "--no-unpack", oci]));
    const all = await listed(daemon, "images", "ls");
    for (const name of ["named/box:1", `named/box@${digest}`, "named/index:all"]) {
      assert.ok(all.includes(name), `${name} of ${all}`);
    }
    await using client = await Client.connect(daemon.address);
    assert.deepEqual((await client.image("named/box:1")).labels, { a: "b" });
    await succeeds(daemon.ctr(["images", "import", ...names.slice(0, 3), "--skip-digest-for-named", oci]));
  });

  await t.step("only images of the base name", async () => {
    const message = await fails(daemon.ctr(["images", "import", "--base-name", "other/name", docker]));
    assert.match(message, /none of its names is one of other\/name: example\.test\/box:1/);
    await succeeds(daemon.ctr(["images", "import", "--base-name", "example.test/box", docker]));
  });

  await t.step("a collection leaves them all they need", async () => {
    for (const name of await listed(daemon, "images", "ls")) {
      if (!name.startsWith("import-")) await succeeds(daemon.ctr(["images", "rm", "--sync", name]));
    }
    await runs(`import-${today}:1`, "again");
    await succeeds(daemon.ctr(["images", "rm", "--sync", `import-${today}:1`]));
    assert.deepEqual(await store(daemon), { images: [], content: [] });
  });
});

Deno.test("unpacked layers can be given back", async () => {
  await using scratch = await Scratch.make("shm");
  await using daemon = await startLongshore({ where: "shm" });
  const { oci } = await boxArchives(scratch);
  await succeeds(daemon.ctr(["images", "import", "--base-name", "box", "--discard-unpacked-layers", oci]));
  assert.equal((await listed(daemon, "content", "ls")).length, 2, "manifest and config");
  assert.equal(await succeeds(daemon.ctr(["run", "--rm", "box:1", "one", "echo", "hi"])), "hi\n");
  await succeeds(daemon.ctr(["images", "import", "--base-name", "box", oci]));
  assert.equal((await listed(daemon, "content", "ls")).length, 3);
});

Deno.test("the library imports bytes from anywhere", async () => {
  await using scratch = await Scratch.make("shm");
  await using daemon = await startLongshore({ where: "shm" });
  const { oci, digest } = await boxArchives(scratch);
  await using client = await Client.connect(daemon.address);
  const file = await Deno.open(oci);
  const [image] = await client.import(file.readable, { baseName: "lib/box" });
  assert.equal(image!.name, "lib/box:1");
  assert.equal(image!.digest, digest);
  assert.ok(await image!.isUnpacked());
  // A source that fails ends the import, by its own words.
  async function* broken() {
    yield (await Deno.readFile(oci)).subarray(0, 10_000);
    throw new Error("the tape broke");
  }
  await assert.rejects(client.import(broken(), { baseName: "broken" }), /the tape broke/);
  assert.deepEqual(await listed(daemon, "images", "ls"), ["lib/box:1"]);
});
