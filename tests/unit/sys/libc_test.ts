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
