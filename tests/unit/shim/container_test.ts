import assert from "node:assert/strict";
import { newProcess, untilEnded } from "../../../lib/shim/container.ts";
import { afterStart, whileStarting } from "../../../lib/shim/exit.ts";

const paths = { stdin: "", stdout: "", stderr: "", terminal: false };

Deno.test("who gives up waiting for a process leaves nothing with it", async () => {
  const process = newProcess("", paths);
  const leaving = new AbortController();
  const left = Array.from({ length: 1000 }, () => untilEnded(process, leaving.signal));
  const staying = untilEnded(process, new AbortController().signal);
  assert.equal(process.waiting.size, 1001);
  leaving.abort(new Error("gone"));
  for (const waiter of left) await assert.rejects(waiter, /gone/);
  assert.equal(process.waiting.size, 1);
  process.end();
  await staying;
  assert.equal(process.waiting.size, 0);
});

Deno.test("what happens to a process during its start is told after it, its end last", async () => {
  const process = newProcess("", paths);
  const told: string[] = [];
  await whileStarting(process, () => {
    process.starting!.ended = () => told.push("exit");
    afterStart(process, () => told.push("oom"));
    told.push("start");
    return Promise.resolve();
  });
  afterStart(process, () => told.push("oom again"));
  assert.deepEqual(told, ["start", "oom", "exit", "oom again"]);
});
