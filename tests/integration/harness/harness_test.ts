import assert from "node:assert/strict";
import { busyboxImage, push, Scratch, startContainerd, startRegistry } from "../../harness/mod.ts";

Deno.test("the harness's registry and containerd pull and run an image of umoci's", async () => {
  await using scratch = await Scratch.make();
  await using registry = await startRegistry();
  const reference = await push(await busyboxImage(scratch), registry, "busybox:latest");
  await using containerd = await startContainerd();

  const pull = await containerd.ctr(["images", "pull", "--plain-http", reference]);
  assert.equal(pull.code, 0, pull.stderr);
  const hello = await containerd.ctr(["run", "--rm", reference, "hello", "echo", "hello"]);
  assert.deepEqual({ code: hello.code, stdout: hello.stdout }, { code: 0, stdout: "hello\n" }, hello.stderr);
  assert.ok(registry.requests().some((request) => request.includes("/blobs/sha256:")));
});

Deno.test("a registry with a user refuses strangers", async () => {
  await using registry = await startRegistry({ user: { name: "ada", password: "secret" } });
  const ask = (headers: HeadersInit) => fetch(`http://${registry.host}/v2/`, { headers });
  const stranger = await ask({});
  await stranger.body?.cancel();
  assert.equal(stranger.status, 401);
  const ada = await ask({ authorization: `Basic ${btoa("ada:secret")}` });
  await ada.body?.cancel();
  assert.equal(ada.status, 200);
});
