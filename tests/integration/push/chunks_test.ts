/** Uploads in parts and broken ones, into a real registry. */
import assert from "node:assert/strict";
import {
  imageOfDirs,
  type Output,
  push,
  type Registry,
  Scratch,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { Wire } from "./fake_registry.ts";
import { fetched, stored } from "./real.ts";

/** A way to a registry for requests of a few bytes only, as some proxies are. */
function narrow(registry: Registry, most: number) {
  const parts: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    if (Number(request.headers.get("content-length")) > most) return new Response("", { status: 413 });
    const { pathname, search } = new URL(request.url);
    if (request.method === "PATCH") parts.push(request.headers.get("content-range")!);
    // The registry makes its addresses of the host that it is asked by.
    const headers = new Headers(request.headers);
    headers.set("x-forwarded-host", `127.0.0.1:${server.addr.port}`);
    const body = request.body && await request.arrayBuffer();
    const answer = await fetch(`http://${registry.host}${pathname}${search}`, {
      method: request.method,
      headers,
      body,
    });
    return new Response(answer.body, { status: answer.status, headers: answer.headers });
  });
  const host = `127.0.0.1:${server.addr.port}`;
  return { host, parts, [Symbol.asyncDispose]: () => server.shutdown() };
}

async function succeeds(output: Promise<Output>): Promise<void> {
  const { code, stdout, stderr } = await output;
  assert.equal(code, 0, stderr + stdout);
}

Deno.test("a real registry takes uploads in parts, and ones that broke off", async (t) => {
  await using scratch = await Scratch.make("shm");
  await using source = await startRegistry({ where: "shm" });
  await using target = await startRegistry({ where: "shm" });
  await using daemon = await startLongshore({ where: "shm" });
  await Deno.mkdir(scratch.join("dir"));
  const noise = new Uint8Array(5 << 20);
  for (let at = 0; at < noise.length; at += 1 << 16) {
    crypto.getRandomValues(noise.subarray(at, at + (1 << 16)));
  }
  await Deno.writeFile(scratch.join("dir", "noise"), noise);
  const image = await push(
    await imageOfDirs(scratch.join("image"), [scratch.join("dir")]),
    source,
    "noise:1",
  );
  const blobs = await fetched(image, scratch.join("original"));
  await succeeds(daemon.ctr(["images", "pull", "--no-unpack", image]));

  await t.step("in parts, where the whole is too large", async () => {
    await using way = narrow(target, 2 << 20);
    await succeeds(daemon.ctr(["images", "push", `${way.host}/parts:1`, image]));
    const { size } = (await stored(image)).json.layers[0];
    assert.equal(way.parts.length, 4);
    assert.ok(way.parts[0]!.startsWith("0-") && way.parts[3]!.endsWith(`-${size - 1}`), way.parts.join(" "));
    assert.deepEqual(await fetched(`${target.host}/parts:1`, scratch.join("parts")), blobs);
  });

  await t.step("over a connection that breaks twice", async () => {
    await using empty = await startRegistry({ where: "shm" });
    await using way = new Wire(empty.host);
    way.faults.push({ after: 2 << 20, then: "cut" }, { after: 3 << 20, then: "cut" });
    await succeeds(daemon.ctr(["images", "push", `${way.host}/broken:1`, image]));
    assert.equal(way.faults.length, 0);
    assert.deepEqual(await fetched(`${empty.host}/broken:1`, scratch.join("broken")), blobs);
  });
});
