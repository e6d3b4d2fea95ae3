import assert from "node:assert/strict";
import { type Client, Code, CtrError } from "../../../mod.ts";
import { busyboxImage, push, type Registry, Scratch, startRegistry } from "../../harness/mod.ts";
import { fetched, pushIndex, stored } from "../../integration/push/real.ts";
import { targets } from "./targets.ts";

interface Given {
  client: Client;
  scratch: Scratch;
  /** A pulled image of one platform. */
  image: string;
  /** An image of three platforms, of which the host's is pulled. */
  partial: string;
  /** An empty registry, and one that wants a password. */
  open: Registry;
  closed: Registry;
}

const user = { name: "alice", password: "s3cret" };
const creds = `${user.name}:${user.password}`;

const bodies: Record<string, (given: Given) => Promise<void>> = {
  "sends an image that skopeo reads, and tells of it": async ({ client, scratch, image, open }) => {
    const to = `${open.host}/app:1`;
    const events: string[] = [];
    await client.push(to, { image, onProgress: ({ event, name }) => events.push(`${name} ${event}`) });
    assert.equal((await stored(to)).text, (await stored(image)).text);
    await fetched(to, scratch.join("app"));
    const { layers: [layer] } = await (await client.image(image)).manifest();
    for (const event of ["waiting", "uploading", "complete"]) {
      assert.ok(events.includes(`layer-${layer!.digest} ${event}`), events.join("\n"));
    }
    assert.equal(events.at(0), `${image} pushing content`);
    assert.equal(events.at(-1), `${image} pushed content`);
  },
  "says who it is where it has to": async ({ client, image, closed }) => {
    const to = `${closed.host}/app:1`;
    await assert.rejects(client.push(to, { image }), hasCode(Code.Unauthenticated));
    const credentials = { user: user.name, password: user.password };
    await client.push(to, { image, credentials });
    assert.equal((await stored(to, creds)).text, (await stored(image)).text);
  },
  "pushes the platform that is there, and names those that aren't": async ({ client, partial, open }) => {
    const to = `${open.host}/partial:1`;
    const skipped: string[] = [];
    await client.push(to, {
      image: partial,
      onProgress: ({ event, name }) => event === "skipped" && skipped.push(name),
    });
    assert.deepEqual(skipped, ["linux/arm64", "linux/riscv64"]);
    const { manifests } = (await stored(partial)).json;
    assert.equal((await stored(to)).digest, manifests[0].digest);
    const arm = client.push(to, { image: partial, platforms: ["linux/arm64"] });
    await assert.rejects(arm, /linux\/arm64 is not all here .*ctr images pull --platform linux\/arm64 /);
    await assert.rejects(client.push(to, { image: partial, allPlatforms: true }), hasCode(Code.NotFound));
  },
  "is refused an image that isn't there": ({ client, open }) =>
    assert.rejects(client.push(`${open.host}/none:1`), hasCode(Code.NotFound)),
};

const hasCode = (code: Code) => (error: unknown) => error instanceof CtrError && error.code === code;

for (const [target, start] of Object.entries(targets)) {
  Deno.test(`the library pushes with ${target}`, async (t) => {
    await using scratch = await Scratch.make("shm");
    await using source = await startRegistry({ where: "shm" });
    await using open = await startRegistry({ where: "shm" });
    await using closed = await startRegistry({ where: "shm", user });
    const image = await push(await busyboxImage(scratch), source, "busybox:1");
    await using other = await Scratch.make("shm");
    const partial = await pushIndex(other, source);
    await using daemon = await start();
    await using client = await daemon.connect("interop");
    for (const one of [image, partial]) await client.pull(one, { platform: "linux/amd64", unpack: false });
    for (const [what, body] of Object.entries(bodies)) {
      await t.step(what, () => body({ client, scratch, image, partial, open, closed }));
    }
  });
}
