import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { Code, isError, messageOf } from "../../../lib/errors.ts";
import { Client } from "../../../mod.ts";
import { type Longshore, must } from "../../harness/mod.ts";
import { diskOf, recordsOf } from "../gc/disk.ts";
import { ok, type Place, smallDisk, withRegistry } from "./support.ts";

/** Runs `test` with a daemon whose root is a small disk of its own. */
const onSmallDisk = (test: (place: Place) => Promise<void>) =>
  withRegistry(test, { prepare: (dir) => smallDisk(`${dir}/root`) });

/** Takes all space but about `left` bytes. Disposing it gives the space back. */
async function fill({ root }: Longshore, left: number): Promise<AsyncDisposable> {
  const path = `${root}/filler`;
  const free = Number((await must("stat", ["-f", "-c", "%a", root])).trim()) *
    Number((await must("stat", ["-f", "-c", "%S", root])).trim());
  await must("fallocate", ["-l", String(free - left), path]);
  return { [Symbol.asyncDispose]: () => Deno.remove(path) };
}

/** Waits for a collection. */
async function collect(daemon: Longshore): Promise<void> {
  await ok(daemon, ["leases", "create", "--id", "run"]);
  await ok(daemon, ["leases", "rm", "--sync", "run"]);
}

/**
 * What a failed attempt must leave: nothing, once the collector has run, and what there was no room to delete has been
 * tried again.
 */
async function leavesNothing(daemon: Longshore, attempt: () => Promise<void>): Promise<void> {
  const held = async () => {
    await collect(daemon);
    return [diskOf(daemon), await recordsOf(daemon), await ok(daemon, ["images", "ls"])];
  };
  const before = await held();
  await attempt();
  let after = await held();
  for (let n = 0; n < 20 && !isDeepStrictEqual(after, before); n++) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    after = await held();
  }
  assert.deepEqual(after, before);
}

/** The command fails in one line about the full disk. */
async function failsInALine(daemon: Longshore, args: string[], stdin?: Uint8Array<ArrayBuffer>) {
  const { code, stderr } = await daemon.ctr(args, { stdin });
  assert.equal(code, 1, `ctr ${args.join(" ")}`);
  assert.match(stderr, /no space left on device|disk is full/i);
  assert.equal(stderr.trim().split("\n").length, 1, stderr);
}

async function isExhausted(promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isError(error, Code.ResourceExhausted), messageOf(error));
    return true;
  });
}

const left: [what: string, bytes: number][] = [
  ["no blob", 200 << 10],
  ["the blobs, but not what is in them", 1600 << 10],
];
for (const [what, bytes] of left) {
  Deno.test(`a pull onto a disk that has room for ${what} fails as a whole, and works when there is room`, () =>
    onSmallDisk(async ({ daemon, reference }) => {
      await leavesNothing(daemon, async () => {
        await using _ = await fill(daemon, bytes);
        await failsInALine(daemon, ["images", "pull", reference]);
        await using client = await Client.connect(daemon.address);
        await isExhausted(client.pull(reference));
      });
      await ok(daemon, ["images", "pull", reference]);
      assert.match(await ok(daemon, ["images", "check", "--deep"]), /ok \(4 blobs, 2 snapshots\)/);
      assert.equal(await ok(daemon, ["run", "--rm", reference, "c", "cat", "/data/one"]), "one\n");
    }));
}

Deno.test("an ingest that doesn't fit fails, and works when there is room", () =>
  onSmallDisk(async ({ daemon }) => {
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    const long = new Uint8Array(await new Blob(Array(50).fill(bytes)).arrayBuffer());
    {
      await using _ = await fill(daemon, 1 << 20);
      await failsInALine(daemon, ["content", "ingest", "long"], long);
      assert.equal(await ok(daemon, ["content", "ls", "-q"]), "");
      // The daemon is well otherwise.
      await ok(daemon, ["images", "ls"]);
    }
    const again = await daemon.ctr(["content", "ingest", "long"], { stdin: long });
    assert.equal(again.code, 0, again.stderr);
    const digest = createHash("sha256").update(long).digest("hex");
    assert.equal(await ok(daemon, ["content", "ls", "-q"]), `sha256:${digest}\n`);
  }));

Deno.test("a commit that doesn't fit makes no image, and works when there is room", () =>
  onSmallDisk(async ({ daemon, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    const write = "head -c 3000000 /dev/urandom >/big";
    await ok(daemon, ["run", reference, "writer", "sh", "-c", write]);
    await leavesNothing(daemon, async () => {
      await using _ = await fill(daemon, 1 << 20);
      await failsInALine(daemon, ["commit", "writer", "committed:1"]);
    });
    await ok(daemon, ["commit", "writer", "committed:1"]);
    assert.equal(await ok(daemon, ["run", "--rm", "committed:1", "c", "wc", "-c", "/big"]), "3000000 /big\n");
  }));

Deno.test("a repair that doesn't fit leaves what was there, and works when there is room", () =>
  onSmallDisk(async ({ daemon, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    const dir = `${daemon.root}/snapshots/overlayfs`;
    for (const { name } of Deno.readDirSync(dir)) {
      await Deno.writeTextFile(`${dir}/${name}/fs/strange`, "strange");
    }
    await leavesNothing(daemon, async () => {
      await using _ = await fill(daemon, 200 << 10);
      await failsInALine(daemon, ["images", "repair", reference]);
    });
    assert.match(await ok(daemon, ["images", "repair", reference]), /unpacked again[^]*repaired/);
    assert.match(await ok(daemon, ["images", "check", "--deep"]), /ok \(4 blobs, 2 snapshots\)/);
  }));

Deno.test("with no byte left reads go on, writes fail in a line, and all works when there is room", () =>
  onSmallDisk(async ({ daemon, reference }) => {
    await ok(daemon, ["images", "pull", reference]);
    {
      await using _ = await fill(daemon, 256 << 10);
      await must("sh", ["-c", `dd if=/dev/zero of=${daemon.root}/rest bs=1k 2>/dev/null || true`]);
      for (let n = 0;; n++) {
        const { code, stderr } = await daemon.ctr(["namespaces", "create", `n${n}`.padEnd(70, "x")]);
        if (code === 0 && n < 2000) continue;
        assert.match(stderr, /no space left on device|disk is full/i);
        assert.equal(stderr.trim().split("\n").length, 1, stderr);
        break;
      }
      assert.equal(await ok(daemon, ["images", "ls", "-q"]), `${reference}\n`);
      await Deno.remove(`${daemon.root}/rest`);
    }
    await ok(daemon, ["namespaces", "create", "room"]);
    assert.equal(await ok(daemon, ["run", "--rm", reference, "c", "cat", "/data/one"]), "one\n");
    await daemon.restart();
    assert.match(await ok(daemon, ["images", "check", "--deep"]), /ok \(4 blobs, 2 snapshots\)/);
  }));
