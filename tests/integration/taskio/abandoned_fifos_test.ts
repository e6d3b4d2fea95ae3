/** Pipes of clients that died go with their process; those of clients that live, and others' files, are left alone. */
import assert from "node:assert/strict";
import { Client } from "../../../mod.ts";
import {
  type Containerd,
  ctrPath,
  type Longshore,
  must,
  Scratch,
  startContainerd,
} from "../../harness/mod.ts";
import { ok, until, withDaemon } from "./support.ts";

/** A client with an exec in "forsaken", its pipes below `dir`. */
async function attached(program: string, { address }: Longshore | Containerd, id: string, dir: string) {
  const args = ["--address", address, "tasks", "exec", "--fifo-dir", dir, "--exec-id", id, "forsaken"];
  const client = new Deno.Command(program, {
    args: [...args, "sh", "-c", "echo up; exec sleep 1000"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = client.stdout.getReader();
  const { value } = await reader.read();
  if (!value) assert.fail(await new Response(client.stderr).text());
  assert.equal(new TextDecoder().decode(value), "up\n");
  reader.releaseLock();
  return client;
}

async function killed(client: Deno.ChildProcess): Promise<void> {
  client.kill("SIGKILL");
  await client.stdin.close().catch(() => {});
  await client.output();
}

/** Kills an exec and deletes it, as somebody who knows nothing of its pipes. */
async function end({ address }: Longshore, execId: string): Promise<void> {
  await using client = await Client.connect(address);
  const { tasks } = client.services;
  const name = { containerId: "forsaken", execId };
  const ended = tasks.wait(name);
  await tasks.kill({ ...name, signal: 9 });
  await ended;
  // Its own client may have been faster.
  await tasks.deleteProcess(name).catch((error) => assert.match(error.message, /not found/));
}

const namesIn = (dir: string) => [...Deno.readDirSync(dir)].map(({ name }) => name);

Deno.test("FIFOs of an exec whose client died go when the exec or its task is deleted, by whomever", () =>
  withDaemon(async (daemon, image, scratch) => {
    await ok(daemon, "run", "-d", image, "forsaken", "sleep", "1000");
    const dir = scratch.join("fifos");
    await killed(await attached(ctrPath, daemon, "look", dir));
    assert.equal(namesIn(dir).length, 1);
    await end(daemon, "look");
    await until("they are gone", () => namesIn(dir).length === 0);
    await killed(await attached(ctrPath, daemon, "look", dir));
    // Go's ctr removes none but its own.
    await daemon.goCtr(["tasks", "rm", "-f", "forsaken"]);
    await until("they are gone", () => namesIn(dir).length === 0);
    assert.equal(await ok(daemon, "tasks", "ls", "-q"), "");
    await ok(daemon, "rm", "forsaken");
  }));

Deno.test("a client that lives removes its pipes itself, without a word, when somebody else deletes its exec", () =>
  withDaemon(async (daemon, image, scratch) => {
    await ok(daemon, "run", "-d", image, "forsaken", "sleep", "1000");
    const dir = scratch.join("fifos");
    for (let n = 0; n < 5; n++) {
      const client = await attached(ctrPath, daemon, "look", dir);
      await end(daemon, "look");
      const { code, stderr } = await client.output();
      assert.equal(code, 137);
      assert.doesNotMatch(new TextDecoder().decode(stderr), /fifos|No such file/);
      assert.deepEqual(namesIn(dir), []);
      await client.stdin.close().catch(() => {});
    }
    await ok(daemon, "rm", "-f", "forsaken");
  }));

Deno.test("pipes of other names, and what isn't a pipe, stay", () =>
  withDaemon(async (daemon, image, scratch) => {
    const dir = scratch.join("mine");
    await Deno.mkdir(dir);
    await must("mkfifo", [`${dir}/other-stdout`, `${dir}/forsaken-stderr`]);
    await Deno.writeTextFile(`${dir}/kept`, "");
    await ok(daemon, "containers", "create", image, "forsaken", "true");
    await using client = await Client.connect(daemon.address);
    const { tasks, snapshots } = client.services;
    const { mounts: rootfs } = await snapshots.mounts({ snapshotter: "overlayfs", key: "forsaken" });
    const stdout = `${dir}/other-stdout`;
    await tasks.create({ containerId: "forsaken", rootfs, stdout, stderr: `${dir}/forsaken-stderr` });
    await tasks.start({ containerId: "forsaken" });
    await tasks.wait({ containerId: "forsaken" });
    await tasks.delete({ containerId: "forsaken" });
    assert.deepEqual(namesIn(dir).sort(), ["kept", "other-stdout"], "its own pipe only");
    await ok(daemon, "rm", "forsaken");
  }));

Deno.test("containerd leaves them where they are: that is why the doctor knows them, too", async () => {
  await using scratch = await Scratch.make("shm");
  await withDaemon(async (_, image) => {
    await using theirs = await startContainerd("shm");
    const ctr = async (...args: string[]) => {
      const { code, stderr } = await theirs.ctr(args);
      assert.equal(code, 0, stderr);
    };
    await ctr("images", "pull", image);
    await ctr("run", "-d", image, "forsaken", "sleep", "1000");
    const dir = scratch.join("fifos");
    await Deno.mkdir(dir);
    await killed(await attached("/usr/bin/ctr", theirs, "look", dir));
    await theirs.ctr(["tasks", "rm", "-f", "forsaken"]);
    assert.equal(namesIn(dir).length, 1);
  });
});
