import assert from "node:assert/strict";
import { closeDescriptor, Epoll, pipe, Ready, writeFd } from "../../../lib/sys/mod.ts";

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Closes a descriptor of which there is news, and has another one under its number; undefined if somebody took that. */
async function heardByAnother(epoll: Epoll): Promise<number | undefined> {
  const first = pipe();
  epoll.arm(first.read, Ready.READ, () => assert.fail("it was closed"));
  // The wait is on its thread now.
  await pause(50);
  writeFd(first.write, new Uint8Array(1));
  // That thread has the news, and nobody has heard it: this one does not let go.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  epoll.close(first.read);
  const second = pipe();
  let heard = 0;
  epoll.arm(second.read, Ready.READ, () => heard++);
  await pause(50);
  epoll.close(second.read);
  for (const fd of [first.write, second.write]) closeDescriptor(fd);
  return second.read === first.read ? heard : undefined;
}

Deno.test({
  name: "news of a descriptor that was closed meanwhile is not told to the next one of its number",
  // The set's loop goes on for ever.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const epoll = new Epoll();
    let heard: number | undefined;
    for (let tries = 0; tries < 50 && heard === undefined; tries++) heard = await heardByAnother(epoll);
    assert.equal(heard, 0);
  },
});
