import assert from "node:assert/strict";
import { type Client, Code, CtrError } from "../../../mod.ts";
import { busyboxImage, must, push, run, Scratch, startRegistry } from "../../harness/mod.ts";
import { allTargets } from "./targets.ts";

interface Given {
  client: Client;
  /** An image that is there. */
  image: string;
  scratch: Scratch;
}

const hasCode = (code: Code) => (error: unknown) => error instanceof CtrError && error.code === code;

async function exported({ client, image, scratch }: Given, name: string): Promise<string> {
  const archive = scratch.join(name);
  using file = await Deno.open(archive, { write: true, create: true });
  for await (const bytes of client.export([image])) await file.write(bytes);
  return archive;
}

const bodies: Record<string, (given: Given) => Promise<void>> = {
  "that skopeo reads, and the same bytes again": async (given) => {
    const archive = await exported(given, "one.tar");
    const copied = ["copy", "--quiet", `oci-archive:${archive}`, `dir:${given.scratch.join("copied")}`];
    await must("skopeo", copied);
    const again = await exported(given, "two.tar");
    assert.equal((await run("cmp", [archive, again])).code, 0);
  },
  "and reads them itself": async (given) => {
    const { client } = given;
    const { digest } = await client.image(given.image);
    const file = await Deno.open(await exported(given, "three.tar"));
    await (await client.image(given.image)).delete({ sync: true });
    const images = await client.import(file.readable);
    assert.deepEqual(images.map((image) => [image.name, image.digest]), [[given.image, digest]]);
  },
  "as far as somebody reads": async ({ client, image }) => {
    for await (const _ of client.export([image])) break;
    assert.equal((await client.images()).length, 1);
  },
  "but none of what isn't there, nor of what isn't one": async ({ client }) => {
    await assert.rejects(Array.fromAsync(client.export(["none"])), hasCode(Code.NotFound));
    const text = new Blob(["no archive"]).stream();
    await assert.rejects(client.import(text), (error) => error instanceof CtrError);
  },
};

for (const [target, start] of Object.entries(allTargets)) {
  Deno.test(`the library makes archives with ${target}`, async (t) => {
    await using scratch = await Scratch.make("shm");
    await using registry = await startRegistry({ where: "shm" });
    const image = await push(await busyboxImage(scratch), registry, "busybox:1");
    await using daemon = await start();
    await using client = await daemon.connect("interop");
    await client.pull(image, { unpack: false });
    for (const [what, body] of Object.entries(bodies)) {
      await t.step(what, () => body({ client, image, scratch }));
    }
  });
}
