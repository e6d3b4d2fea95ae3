import assert from "node:assert/strict";
import { check, Errno, libc, SystemError } from "../../../lib/sys/libc.ts";

Deno.test("libc() opens a symbol when it is used, and none beside it", () => {
  const c = libc({
    getpid: { parameters: [], result: "i32" },
    // Opening it would fail: no libc has it.
    longshore_no_such_call: { parameters: [], result: "i32" },
  });
  assert.equal(c.getpid(), Deno.pid);
  assert.throws(() => c.longshore_no_such_call(), /longshore_no_such_call/);
  assert.equal(c.getpid(), Deno.pid);
});

Deno.test("check() tells the errno of the first call that is made at all", () => {
  const c = libc({ close: { parameters: ["i32"], result: "i32" } });
  assert.throws(() => check(c.close(-1), "close nothing"), (error) => {
    assert.ok(error instanceof SystemError);
    assert.equal(error.errno, Errno.EBADF);
    assert.equal(error.message, "close nothing: bad file descriptor");
    return true;
  });
});

Deno.test("loading the room opens nothing", async () => {
  const room = new URL("../../../lib/sys/mod.ts", import.meta.url);
  const load = `await import(${JSON.stringify(room.href)}); console.log("loaded");`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "--allow-all",
      "--deny-ffi",
      "data:text/javascript," + encodeURI(load),
    ],
    stderr: "inherit",
  }).output();
  assert.equal(new TextDecoder().decode(stdout), "loaded\n");
});
