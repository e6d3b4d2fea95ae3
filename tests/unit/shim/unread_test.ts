/** An exit and what the process has printed before: clients that are there read it before they hear of the exit. */
import assert from "node:assert/strict";
import { whenRead } from "../../../lib/shim/exit.ts";
import { copyOutput } from "../../../lib/shim/output.ts";
import { Access, closeDescriptor, Epoll, openFd, pipe, readFd, writeFd } from "../../../lib/sys/mod.ts";
import { must, Scratch } from "../../harness/mod.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const drain = (fd: number) => readFd(fd, new Uint8Array(100));

Deno.test({
  name: "output is unread while a client is there that has not read it, also behind its end",
  // The set's loop goes on for ever.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using scratch = await Scratch.make("shm");
    const target = scratch.join("fifo");
    await must("mkfifo", [target]);
    const { read, write } = pipe();
    const output = copyOutput(new Epoll(), read, { target, stream: "stdout" });
    const client = openFd(target, Access.READ | Access.NONBLOCK);
    assert.equal(output.unread, false);
    writeFd(write, bytes("one"));
    assert.equal(output.unread, true, "in the process's pipe");
    while (output.unread) {
      drain(client);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    writeFd(write, bytes("two"));
    closeDescriptor(write);
    await output.done;
    assert.equal(output.unread, true, "the client has it, and the end");
    assert.equal(drain(client), 3);
    assert.equal(output.unread, false);
    assert.equal(drain(client), 0);
    closeDescriptor(client);
    output.close();
  },
});

Deno.test("without a client nothing is unread", async () => {
  await using scratch = await Scratch.make("shm");
  const target = scratch.join("fifo");
  await must("mkfifo", [target]);
  const { read, write } = pipe();
  const output = copyOutput(new Epoll(), read, { target, stream: "stdout" });
  writeFd(write, bytes("one"));
  assert.equal(output.unread, false);
  closeDescriptor(write);
  output.close();
});

Deno.test("an exit is told at once when nothing is unread, else later, but also of a client that does not read", async () => {
  const tell = (stdio?: { unread: boolean }) => {
    let told = false;
    const telling = new Promise<void>((resolve) => whenRead({ stdio }, () => resolve(void (told = true))));
    return { telling, told: () => told };
  };
  assert.ok(tell().told());
  assert.ok(tell({ unread: false }).told());
  const stdio = { unread: true };
  const slow = tell(stdio);
  assert.equal(slow.told(), false);
  stdio.unread = false;
  await slow.telling;
  const stuck = tell({ unread: true });
  assert.equal(stuck.told(), false);
  await stuck.telling;
});
