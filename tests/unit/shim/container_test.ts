import assert from "node:assert/strict";
import { newProcess, untilEnded } from "../../../lib/shim/container.ts";

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
