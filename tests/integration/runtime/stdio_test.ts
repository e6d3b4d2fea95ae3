import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Code, CtrError } from "../../../lib/errors.ts";
import { Fixture, type Spec } from "./fixture.ts";

Deno.test("input goes in, output and errors come out, and CloseIO ends the input", async () => {
  await using fixture = await Fixture.start();
  const [stdin, stdout, stderr] = await Promise.all(["in", "out", "err"].map((name) => fixture.fifo(name)));
  const output = Deno.readTextFile(stdout!);
  const errors = Deno.readTextFile(stderr!);
  await fixture.create("echo", ["sh", "-c", "cat; echo oops >&2"], { stdin, stdout, stderr });
  await fixture.start("echo");
  await Deno.writeTextFile(stdin!, "hello\n");
  assert.equal(
    await Promise.race([fixture.wait("echo"), quiet()]),
    "running",
    "a client that goes ends nothing",
  );
  await fixture.tasks.closeIO(fixture.scope, { containerId: "echo", execId: "", stdin: true });
  assert.equal((await fixture.wait("echo")).exitStatus, 0);
  assert.equal(await output, "hello\n");
  assert.equal(await errors, "oops\n");
});

Deno.test("input that ends while its container is being made ends for the process", async () => {
  await using fixture = await Fixture.start();
  const [stdin, stdout] = await Promise.all(["in", "out"].map((name) => fixture.fifo(name)));
  const output = Deno.readTextFile(stdout!);
  const made = fixture.create("early", ["cat"], { stdin, stdout });
  // The pipe opens when the shim has opened it, which is before runc's container is known to anybody.
  await Deno.writeTextFile(stdin!, "early\n");
  await fixture.tasks.closeIO(fixture.scope, { containerId: "early", execId: "", stdin: true });
  await made;
  await fixture.start("early");
  assert.equal((await fixture.wait("early")).exitStatus, 0);
  assert.equal(await output, "early\n");
});

Deno.test("an exec has streams of its own", async () => {
  await using fixture = await Fixture.start();
  await fixture.create("host", ["sleep", "1000"]);
  await fixture.start("host");
  const [stdin, stdout] = await Promise.all(["in", "out"].map((name) => fixture.fifo(name)));
  const output = Deno.readTextFile(stdout!);
  await fixture.exec("host", "cat", ["cat"], { stdin, stdout });
  await fixture.start("host", "cat");
  await Deno.writeTextFile(stdin!, "exec\n");
  await fixture.tasks.closeIO(fixture.scope, { containerId: "host", execId: "cat", stdin: true });
  assert.equal((await fixture.wait("host", "cat")).exitStatus, 0);
  assert.equal(await output, "exec\n");
});

Deno.test("a hundred megabytes pass through standard output unchanged", async () => {
  await using fixture = await Fixture.start();
  const stdout = await fixture.fifo("big");
  const seen = digestOf(stdout);
  const script = "i=0; while [ $i -lt 100 ]; do cat /tmp/block; i=$((i+1)); done";
  const block = crypto.getRandomValues(new Uint8Array(1 << 16));
  const megabyte = new Uint8Array(1 << 20);
  for (let at = 0; at < megabyte.length; at += block.length) megabyte.set(block, at);
  await Deno.writeFile(fixture.scratch.join("busybox/tmp/block"), megabyte);
  await fixture.create("big", ["sh", "-c", script], { stdout });
  await fixture.start("big");
  const expected = createHash("sha256");
  for (let n = 0; n < 100; n++) expected.update(megabyte);
  assert.deepEqual(await seen, { size: 100 << 20, digest: expected.digest("hex") });
  assert.equal((await fixture.wait("big")).exitStatus, 0);
});

Deno.test("a reader that vanished for good stops neither the container nor the shim", async () => {
  await using fixture = await Fixture.start();
  const stdout = await fixture.fifo("gone");
  const reader = await Deno.open(stdout, { read: true, write: true });
  await fixture.create("talker", ["sh", "-c", "head -c 5000000 /dev/zero"], { stdout });
  reader.close();
  await Deno.remove(stdout);
  await fixture.start("talker");
  assert.equal((await fixture.wait("talker")).exitStatus, 0);
});

Deno.test("a reader may leave and another come while the container waits for it", async () => {
  await using fixture = await Fixture.start();
  const stdout = await fixture.fifo("back");
  await fixture.create("patient", ["sh", "-c", "head -c 3000000 /dev/zero"], { stdout });
  await fixture.start("patient");
  const first = await Deno.open(stdout);
  const got = await first.read(new Uint8Array(1000));
  first.close();
  await quiet();
  const { size } = await digestOf(stdout);
  assert.equal(size + got!, 3000000);
  assert.equal((await fixture.wait("patient")).exitStatus, 0);
});

Deno.test("output goes to a file where a file is named", async () => {
  await using fixture = await Fixture.start();
  const stdout = `file://${fixture.scratch.join("logs/out.log")}`;
  assert.equal(await fixture.run("logger", ["echo", "kept"], { stdout }), 0);
  assert.equal(await Deno.readTextFile(fixture.scratch.join("logs/out.log")), "kept\n");
});

Deno.test("a plain file may be named by its path, if it is there: it is appended to", async () => {
  await using fixture = await Fixture.start();
  const stdout = fixture.scratch.join("plain");
  await Deno.writeTextFile(stdout, "before\n");
  assert.equal(await fixture.run("plain", ["echo", "after"], { stdout }), 0);
  assert.equal(await Deno.readTextFile(stdout), "before\nafter\n");
});

Deno.test("streams that can't be had are refused before anything is made", async () => {
  await using fixture = await Fixture.start();
  const refused = (code: number) => (error: unknown) => error instanceof CtrError && error.code === code;
  await assert.rejects(fixture.create("a", ["true"], { stdout: "ftp://x" }), refused(Code.InvalidArgument));
  await assert.rejects(fixture.create("b", ["true"], { stdout: "/no/such/fifo" }), refused(Code.NotFound));
});

Deno.test("an exec may have a terminal, and output goes on while nobody types", async () => {
  await using fixture = await Fixture.start();
  await fixture.create("host", ["sleep", "1000"], {}, withTerminals);
  await fixture.start("host");
  const stdout = await fixture.fifo("out");
  const reader = Deno.readTextFile(stdout);
  await fixture.exec("host", "tty", ["sh", "-c", "tty; head -c 1000000 /dev/zero"], {
    stdout,
    terminal: true,
  });
  await fixture.start("host", "tty");
  assert.equal((await fixture.wait("host", "tty")).exitStatus, 0);
  await fixture.tasks.deleteProcess(fixture.scope, { containerId: "host", execId: "tty" });
  const [name, zeros] = (await reader).split("\r\n");
  assert.deepEqual([name, zeros?.length], ["/dev/pts/0", 1000000]);
});

Deno.test("a process with a terminal sees it, its size and what is typed", async () => {
  await using fixture = await Fixture.start();
  const [stdin, stdout] = await Promise.all(["in", "out"].map((name) => fixture.fifo(name)));
  const script = "read x; tty; stty size; echo got $x";
  const terminal = { stdin, stdout, terminal: true };
  const reader = Deno.readTextFile(stdout!);
  await fixture.create("tty", ["sh", "-c", script], terminal, (spec) => {
    spec.process.terminal = true;
    withTerminals(spec);
  });
  await fixture.start("tty");
  await fixture.tasks.resize(fixture.scope, { containerId: "tty", execId: "", width: 91, height: 37 });
  await Deno.writeTextFile(stdin!, "word\n");
  assert.equal((await fixture.wait("tty")).exitStatus, 0);
  await fixture.delete("tty");
  assert.equal((await reader).replaceAll("\r", ""), "word\n/dev/pts/0\n37 91\ngot word\n");
});

function withTerminals(spec: Spec): void {
  const options = ["newinstance", "ptmxmode=0666"];
  spec.mounts.push({ destination: "/dev/pts", type: "devpts", source: "devpts", options });
}

const quiet = () => new Promise<"running">((resolve) => setTimeout(() => resolve("running"), 200));

async function digestOf(path: string): Promise<{ size: number; digest: string }> {
  const hash = createHash("sha256");
  let size = 0;
  using file = await Deno.open(path);
  for await (const chunk of file.readable) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { size, digest: hash.digest("hex") };
}
