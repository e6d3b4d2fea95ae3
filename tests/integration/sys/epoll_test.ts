import assert from "node:assert/strict";
import { closeDescriptor, Epoll, pipe, Ready, writeFd } from "../../../lib/sys/mod.ts";

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

Deno.test({
  name: "news of a descriptor that was closed meanwhile is not told to the next one of its number",
  // The set's loop goes on for ever.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const epoll = new Epoll();
    const first = pipe();
    epoll.arm(first.read, Ready.READ, () => assert.fail("it was closed"));
    // The wait is on its thread now.
    await pause(50);
    writeFd(first.write, new Uint8Array(1));
    // That thread has the news, and nobody has heard it: this one does not let go.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    epoll.close(first.read);
    const second = pipe();
    assert.equal(second.read, first.read, "the number is used again");
    let heard = 0;
    epoll.arm(second.read, Ready.READ, () => heard++);
    await pause(100);
    assert.equal(heard, 0);
    writeFd(second.write, new Uint8Array(1));
    await pause(100);
    assert.equal(heard, 1);
    epoll.close(second.read);
    for (const fd of [first.write, second.write]) closeDescriptor(fd);
  },
});
