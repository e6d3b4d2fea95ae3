import assert from "node:assert/strict";
import { type Client, Code, CtrError } from "../../../mod.ts";
import { busyboxImage, push, Scratch, startRegistry } from "../../harness/mod.ts";
import { doctor } from "./doctored.ts";
import { targets } from "./targets.ts";

interface Given {
  client: Client;
  /** An image in order. */
  good: string;
  /** One whose config gives its layer the diff ID of another. */
  forged: string;
  /** One whose config tells of a layer more than its manifest. */
  uneven: string;
}

const other = "sha256:" + "2".repeat(64);
const refused = (error: unknown) => error instanceof CtrError && error.code === Code.FailedPrecondition;
const snapshotsOf = async (client: Client) =>
  (await Array.fromAsync(client.snapshots())).map(({ name }) => name);

const bodies: Record<string, (given: Given) => Promise<void>> = {
  // Else whoever makes an image would decide what others' layers hold: snapshots are found by these digests.
  "refuses a layer that unpacks to something else than the config says": async ({ client, forged }) => {
    await assert.rejects(client.pull(forged), refused);
    assert.deepEqual(await snapshotsOf(client), [], "no snapshot under a digest that isn't its own");
    assert.deepEqual(await client.images(), []);
  },
  "refuses a config and a manifest of different lengths": async ({ client, uneven }) => {
    await assert.rejects(client.pull(uneven), refused);
    assert.deepEqual(await client.images(), []);
  },
  "tells of its progress, layer by layer": async ({ client, good }) => {
    const seen: { event: string; name: string; progress: bigint; total: bigint }[] = [];
    const image = await client.pull(good, { onProgress: (update) => seen.push(update) });
    const [layer] = (await image.manifest()).layers;
    const last = seen.findLast(({ name }) => name === `layer-${layer!.digest}`);
    assert.deepEqual([last?.event, last?.progress, last?.total], [
      "extracted",
      BigInt(layer!.size),
      BigInt(layer!.size),
    ]);
  },
  "leaves labels by which content is kept and found again": async ({ client, good }) => {
    const image = await client.image(good);
    const { config, layers: [layer] } = await image.manifest();
    const { labels } = await client.content.info(layer!.digest);
    const document = JSON.parse(
      new TextDecoder().decode(await client.content.readAll(undefined, config.digest, 1 << 20)),
    );
    assert.equal(labels["containerd.io/uncompressed"], document.rootfs.diff_ids[0]);
    assert.equal(labels["containerd.io/distribution.source.127.0.0.1"], "busybox");
    const held = (await client.content.info(image.digest)).labels;
    assert.equal(held["containerd.io/gc.ref.content.config"], config.digest);
    assert.equal(held["containerd.io/gc.ref.content.l.0"], layer!.digest);
  },
  // A manifest that somebody wrote as a mere blob has no labels; without them its layers would be collected.
  "labels documents that were there before": async ({ client, good }) => {
    const image = await client.image(good);
    const { config } = await image.manifest();
    const bytes = await client.content.readAll(undefined, image.digest, 1 << 20);
    await using lease = await client.lease();
    await image.delete({ sync: true });
    await client.content.write("blob", [bytes], { expected: image.digest, lease: lease.id });
    await client.pull(good);
    const { labels } = await client.content.info(image.digest);
    assert.equal(labels["containerd.io/gc.ref.content.config"], config.digest);
  },
};

for (const [target, start] of Object.entries(targets)) {
  Deno.test(`the library pulls with ${target}`, async (t) => {
    await using scratch = await Scratch.make("shm");
    await using registry = await startRegistry({ where: "shm" });
    const good = await push(await busyboxImage(scratch), registry, "busybox:1");
    const names = { repository: "busybox", tag: "1" };
    const forged = await doctor(registry, { ...names, newTag: "forged" }, ({ rootfs }) => {
      (rootfs as { diff_ids: string[] }).diff_ids = [other];
    });
    const uneven = await doctor(registry, { ...names, newTag: "uneven" }, ({ rootfs }) => {
      (rootfs as { diff_ids: string[] }).diff_ids.push(other);
    });
    await using daemon = await start();
    await using client = await daemon.connect("interop");
    for (const [what, body] of Object.entries(bodies)) {
      await t.step(what, () => body({ client, good, forged, uneven }));
    }
  });
}
