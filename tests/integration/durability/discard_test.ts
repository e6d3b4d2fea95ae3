import assert from "node:assert/strict";
import { startRegistry } from "../../harness/mod.ts";
import { diskOf } from "../gc/disk.ts";
import { blobFile, ok, partsOf, type Place, withRegistry } from "./support.ts";

const config = `[plugins."io.containerd.cri.v1.images"]\ndiscard_unpacked_layers = true\n`;
const ways: [how: string, config: string, flags: string[]][] = [
  ["by the configuration", config, []],
  ["by a flag", "", ["--discard-unpacked-layers"]],
];

async function collect({ daemon }: Place): Promise<void> {
  await ok(daemon, ["leases", "create", "--id", "run"]);
  await ok(daemon, ["leases", "rm", "--sync", "run"]);
}

const blobRequests = ({ registry }: Place, since: number) =>
  registry.requests().slice(since).filter((line) => /^GET .*\/blobs\//.test(line));

for (const [how, config, flags] of ways) {
  Deno.test(`layers dropped after unpacking ${how} are gone, and the image works on`, () =>
    withRegistry(async (place) => {
      const { daemon, registry, reference } = place;
      await ok(daemon, ["images", "pull", ...flags, reference]);
      await collect(place);
      const { target, config, layers } = await partsOf(daemon, reference);
      assert.deepEqual(diskOf(daemon).blobs, [target, config].sort());
      for (const layer of layers) await assert.rejects(Deno.stat(blobFile(daemon, layer)));
      assert.equal(await ok(daemon, ["run", "--rm", reference, "c", "cat", "/data/one"]), "one\n");

      const asked = registry.requests().length;
      await ok(daemon, ["images", "pull", ...flags, reference]);
      assert.deepEqual(blobRequests(place, asked), []);
      assert.match(await ok(daemon, ["images", "check"]), /layers dropped \(1\/3\) .* true/);
      assert.equal(await ok(daemon, ["images", "check", "-q"]), `${reference}\n`);
      assert.match(
        await ok(daemon, ["images", "check", "--deep"]),
        /ok \(2 blobs, 0 snapshots, 2 not compared\)/,
      );
      assert.match(await ok(daemon, ["images", "repair", reference]), /nothing is damaged/);
      assert.deepEqual(blobRequests(place, asked), []);
    }, { config }));
}

Deno.test("a push of an image without its layers says what fetches them, and that works, also for good", () =>
  withRegistry(async (place) => {
    const { daemon, reference } = place;
    await ok(daemon, ["images", "pull", reference]);
    await collect(place);
    // Mounted from where they came from, layers need not be here; in a registry of its own they do.
    await using other = await startRegistry({ where: "shm" });
    const push = ["images", "push", `${other.host}/copy:1`, reference];
    const { code, stderr } = await daemon.ctr(push);
    assert.equal(code, 1);
    const advice = /fetch it with: ctr (images pull --no-unpack .*\S)/.exec(stderr);
    assert.ok(advice, stderr);
    await ok(daemon, advice[1]!.replace(/: not found$/, "").split(" "));
    await collect(place);
    await ok(daemon, push);
    assert.match(await ok(daemon, ["images", "check"]), /complete \(3\/3\)/);
  }, { config }));

Deno.test("a layer that another image keeps packed is not dropped with this one's", () =>
  withRegistry(async (place) => {
    const { daemon, reference } = place;
    await ok(daemon, ["images", "pull", "--no-unpack", reference]);
    const { layers } = await partsOf(daemon, reference);
    await ok(daemon, ["images", "tag", reference, "kept:1"]);
    await ok(daemon, ["images", "label", "kept:1", `containerd.io/gc.ref.content.l=${layers[0]}`]);
    await ok(daemon, ["images", "pull", "--discard-unpacked-layers", reference]);
    await collect(place);
    assert.ok(diskOf(daemon).blobs.includes(layers[0]!));
    assert.ok(!diskOf(daemon).blobs.includes(layers[1]!));
  }));
