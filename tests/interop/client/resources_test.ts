import assert from "node:assert/strict";
import { type Client, Code, CtrError } from "../../../mod.ts";
import { busyboxImage, push, Scratch, startRegistry } from "../../harness/mod.ts";
import { allTargets } from "./targets.ts";

const bytes = new TextEncoder().encode("hello\n");
const hello = "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
const missing = "sha256:" + "1".repeat(64);
const fails = (code: number) => (error: unknown) => error instanceof CtrError && error.code === code;
const user = { name: "bob", password: "secret" };
const credentials = { user: user.name, password: user.password };

interface Given {
  client: Client;
  /** An image in a registry that asks for {@linkcode user}. */
  image: string;
}

const bodies: Record<string, (given: Given) => Promise<void>> = {
  "tells its version": async ({ client }) => {
    assert.notEqual((await client.version()).version, "");
  },
  "writes, labels, reads and deletes content": async ({ client: { content } }) => {
    // A daemon collects when it has started: what nobody refers to may go.
    const kept = { "containerd.io/gc.root": "test" };
    const written = await content.write("a", [bytes], {
      expected: hello,
      size: 6,
      labels: { ...kept, a: "b" },
    });
    assert.equal(written, hello);
    assert.equal(await content.write("a", [bytes], { expected: hello, size: 6 }), hello, "there already");
    assert.deepEqual((await content.label(hello, { c: "d", a: "" })).labels, { ...kept, c: "d" });
    assert.equal((await content.info(hello)).size, 6n);
    assert.deepEqual(await content.readAll(undefined, hello, 100), bytes);
    const part = await Array.fromAsync(content.read(hello, { offset: 1, size: 3 }));
    assert.equal(new TextDecoder().decode(part[0]), "ell");
    await content.delete(hello);
    await assert.rejects(content.info(hello), fails(Code.NotFound));
  },
  "refuses content with another digest": async ({ client: { content } }) => {
    await assert.rejects(content.write("b", [bytes], { expected: missing }), fails(Code.FailedPrecondition));
    await content.abort("b");
    assert.deepEqual(await content.writes(), []);
  },
  "pulls with credentials, and tells what it pulled": async ({ client, image: name }) => {
    const image = await client.pull(name, { credentials });
    assert.equal(image.name, name);
    assert.deepEqual((await image.config()).Cmd, ["sh"]);
    assert.equal((await image.manifest()).layers.length, 1);
    assert.ok(await image.size() > 100_000);
    assert.equal(await image.isUnpacked(), true);
    assert.deepEqual((await client.images()).map(({ name }) => name), [name]);
    const names = (await Array.fromAsync(client.snapshots())).map(({ name }) => name);
    assert.deepEqual(names, [await image.chainId()]);
    await image.delete({ sync: true });
    await assert.rejects(client.image(name), fails(Code.NotFound));
    assert.deepEqual(await Array.fromAsync(client.snapshots()), []);
    assert.deepEqual(await Array.fromAsync(client.content.list()), []);
  },
  "does not pull without credentials": async ({ client, image }) => {
    await assert.rejects(client.pull(image), CtrError);
    assert.deepEqual(await client.images(), []);
  },
  "deletes a lease when disposed, and what it held": async ({ client }) => {
    {
      await using lease = await client.lease({ labels: { a: "b" } });
      await client.content.write("c", [bytes], { lease: lease.id });
      assert.deepEqual((await lease.resources()).map(({ id }) => id), [hello]);
      await lease.delete({ sync: true });
    }
    await assert.rejects(client.content.info(hello), fails(Code.NotFound));
  },
  "ends events and waits by a signal": async ({ client }) => {
    const stop = new AbortController();
    const next = client.events([], { signal: stop.signal })[Symbol.asyncIterator]().next();
    setTimeout(() => stop.abort(), 100);
    await assert.rejects(next);
    assert.notEqual((await client.version()).version, "", "the connection is of use yet");
  },
};

for (const [target, start] of Object.entries(allTargets)) {
  Deno.test(`the library works with resources of ${target}`, async (t) => {
    await using scratch = await Scratch.make("shm");
    await using registry = await startRegistry({ where: "shm", user });
    const name = await push(await busyboxImage(scratch), registry, "busybox:1", [
      `--dest-creds=${user.name}:${user.password}`,
    ]);
    await using daemon = await start();
    await using client = await daemon.connect("interop");
    for (const [what, body] of Object.entries(bodies)) {
      await t.step(what, () => body({ client, image: name }));
    }
  });
}
