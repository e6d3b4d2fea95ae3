import assert from "node:assert/strict";
import { Captured, inheritIo, logIo, noIo, pipedIo } from "../../../lib/client/mod.ts";

const begin = () => Promise.resolve();

Deno.test("no streams and logs need no pipes", async () => {
  const none = await noIo().open("c", false);
  assert.deepEqual([none.stdin, none.stdout, none.stderr], ["", "", ""]);
  const log = await logIo("file:///tmp/log").open("c", false);
  assert.deepEqual([log.stdout, log.stderr], ["file:///tmp/log", "file:///tmp/log"]);
  const terminal = await logIo("file:///tmp/log").open("c", true);
  assert.deepEqual([terminal.stdout, terminal.stderr], ["file:///tmp/log", ""]);
});

Deno.test("pipes are in a directory that only their user can enter, and go when disposed", async () => {
  let dir: string;
  {
    await using io = await inheritIo().open("c", false);
    dir = io.stdin.slice(0, io.stdin.lastIndexOf("/"));
    assert.equal((await Deno.stat(dir)).mode! & 0o777, 0o700);
    for (const path of [io.stdin, io.stdout, io.stderr]) {
      const { isFifo, mode } = await Deno.lstat(path);
      assert.deepEqual([isFifo, mode! & 0o777], [true, 0o600]);
    }
  }
  await assert.rejects(Deno.lstat(dir), Deno.errors.NotFound);
});

Deno.test("with a terminal there is no stderr", async () => {
  await using io = await pipedIo({}).open("c", true);
  assert.equal(io.stderr, "");
});

Deno.test("all output arrives before drained() resolves", async () => {
  const chunks: number[] = [];
  const stdout = new WritableStream<Uint8Array>({
    write: async (chunk) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      chunks.push(chunk.length);
    },
  });
  await using io = await pipedIo({ stdout }).open("c", false);
  io.begin(begin);
  const [out, err] = await Promise.all(
    [io.stdout, io.stderr].map((path) => Deno.open(path, { write: true })),
  );
  err!.close();
  const bytes = new Uint8Array(1 << 20);
  for (let at = 0; at < bytes.length;) at += await out!.write(bytes.subarray(at));
  out!.close();
  await io.drained();
  assert.equal(chunks.reduce((sum, length) => sum + length, 0), bytes.length);
});

Deno.test("captured output is held to its limit, and letters across chunks stay whole", async () => {
  const io = new Captured({ limit: 5 });
  await using open = await io.open("c", false);
  open.begin(begin);
  const [out, err] = await Promise.all(
    [open.stdout, open.stderr].map((path) => Deno.open(path, { write: true })),
  );
  const umlaut = new TextEncoder().encode("ä");
  await out!.write(umlaut.subarray(0, 1));
  await new Promise((resolve) => setTimeout(resolve, 20));
  await out!.write(umlaut.subarray(1));
  await out!.write(new TextEncoder().encode("bcdefgh"));
  out!.close();
  err!.close();
  await open.drained();
  assert.deepEqual([io.stdout, io.stderr], ["äbcd", ""]);
});
