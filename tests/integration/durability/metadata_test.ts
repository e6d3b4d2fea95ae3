import assert from "node:assert/strict";
import { ctrPath, type Longshore, run } from "../../harness/mod.ts";
import { blobFile, flip, ok, partsOf, withRegistry } from "./support.ts";

/** Each way to lose the metadata file of a root. */
const losses: Record<string, (path: string) => Promise<void>> = {
  "cut in half": async (path) => await Deno.truncate(path, (await Deno.stat(path)).size / 2),
  "made empty": (path) => Deno.truncate(path, 0),
  "filled with zeros": async (path) => {
    const { size } = await Deno.stat(path);
    await Deno.truncate(path, 0);
    await Deno.truncate(path, size);
  },
  "filled with zeros from its second page on": async (path) => {
    const { size } = await Deno.stat(path);
    await Deno.truncate(path, 4096);
    await Deno.truncate(path, size);
  },
  "gone, with its log": async (path) => {
    for (const end of ["", "-wal", "-shm"]) await Deno.remove(path + end);
  },
};

async function serveOnce({ root, state, address }: Longshore) {
  return await run(ctrPath, ["daemon", "--root", root, "--state", state, "--address", address]);
}

for (const [how, lose] of Object.entries(losses)) {
  Deno.test(`a metadata file that is ${how} is refused in one line, and made anew from the blobs`, () =>
    withRegistry(async ({ daemon, registry, reference }) => {
      await ok(daemon, ["images", "pull", reference]);
      const { target } = await partsOf(daemon, reference);
      // An orderly end puts the log into the file.
      await daemon.restart();
      await daemon.crash();
      const path = `${daemon.root}/metadata.kv`;
      await lose(path);
      const blobs = (await Array.fromAsync(Deno.readDir(`${daemon.root}/content/blobs/sha256`))).length;

      const refused = await serveOnce(daemon);
      assert.equal(refused.code, 1, refused.stderr);
      const lines = refused.stderr.trim().split("\n");
      assert.equal(lines.length, 1, refused.stderr);
      assert.match(lines[0]!, /metadata.kv can't be used: .*ctr doctor --rebuild --root /);
      const sick = await run(ctrPath, ["doctor", "--root", daemon.root, "--state", daemon.state]);
      assert.equal(sick.code, 1);
      assert.match(sick.stdout, /fail +metadata .*\n.*ctr doctor --rebuild/);

      const rebuilt = await run(ctrPath, ["doctor", "--rebuild", "--root", daemon.root]);
      assert.equal(rebuilt.code, 0, rebuilt.stderr);
      assert.match(rebuilt.stdout, /4 blobs have records again/);
      await daemon.restart();
      const [name] = (await ok(daemon, ["images", "ls", "-q"])).trim().split("\n");
      assert.match(name!, /^rebuilt\.invalid\/manifest:/);
      assert.equal((await partsOf(daemon, name!)).target, target);
      await ok(daemon, ["images", "tag", name!, reference]);
      const asked = registry.requests().length;
      assert.match(await ok(daemon, ["images", "repair", reference]), /unpacked again/);
      assert.equal(registry.requests().length, asked, "all blobs are here");
      assert.equal(await ok(daemon, ["run", "--rm", reference, "again", "cat", "/data/one"]), "one\n");
      assert.equal(
        (await Array.fromAsync(Deno.readDir(`${daemon.root}/content/blobs/sha256`))).length,
        blobs,
      );
    }));
}

Deno.test("a rebuild leaves a damaged blob out, and pulling the image again fetches only that", () =>
  withRegistry(async ({ daemon, registry, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    const { layers } = await partsOf(daemon, reference);
    await daemon.crash();
    await Deno.remove(`${daemon.root}/metadata.kv`);
    await flip(blobFile(daemon, layers[0]!));
    const rebuilt = await run(ctrPath, ["doctor", "--rebuild", "--root", daemon.root]);
    assert.match(rebuilt.stdout, RegExp(`3 blobs have records again.*\n${layers[0]} is damaged`));
    await daemon.restart();
    const asked = registry.requests().length;
    await ok(daemon, ["images", "pull", reference]);
    const gets = registry.requests().slice(asked).filter((line) => line.startsWith("GET"));
    assert.deepEqual(gets.filter((line) => line.includes("/blobs/")).length, 1, gets.join("\n"));
    assert.equal(await ok(daemon, ["run", "--rm", reference, "again", "cat", "/data/one"]), "one\n");
  }));

Deno.test("a rebuild is refused while a daemon has the root, or where there is nothing to mend", () =>
  withRegistry(async ({ daemon, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    const rebuild = ["doctor", "--rebuild", "--root", daemon.root];
    const busy = await run(ctrPath, rebuild);
    assert.equal(busy.code, 1);
    assert.match(busy.stderr, /a daemon has the root/);
    await daemon.crash();
    const needless = await run(ctrPath, rebuild);
    assert.equal(needless.code, 1);
    assert.match(needless.stderr, /nothing to rebuild/);
    await daemon.restart();
    assert.equal(await ok(daemon, ["images", "ls", "-q"]), `${reference}\n`);
  }));

Deno.test("a new root, and one from which everything was removed, are no lost ones", () =>
  withRegistry(async ({ daemon, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    await ok(daemon, ["images", "rm", "--sync", reference]);
    await daemon.crash();
    await daemon.restart();
    await ok(daemon, ["images", "pull", reference]);
    assert.equal(await ok(daemon, ["run", "--rm", reference, "again", "cat", "/data/one"]), "one\n");
  }));
