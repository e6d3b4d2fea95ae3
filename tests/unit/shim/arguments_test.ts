import assert from "node:assert/strict";
import { parseArguments } from "../../../lib/shim/arguments.ts";

Deno.test("parseArguments() takes both forms of its two options", () => {
  const expected = { state: "/run/x", address: "/run/x.sock", linger: 0, cgroup: "", bundle: "" };
  assert.deepEqual(parseArguments(["--state", "/run/x", "--address", "/run/x.sock"]), expected);
  assert.deepEqual(parseArguments(["--state=/run/x", "--address=/run/x.sock"]), expected);
  const more = ["--state=/run/x", "--address=/run/x.sock", "--cgroup", "/c", "--bundle=/b", "--linger=3"];
  assert.deepEqual(parseArguments(more), { ...expected, cgroup: "/c", bundle: "/b", linger: 3 });
});

Deno.test("parseArguments() names what it doesn't know or misses", () => {
  assert.throws(() => parseArguments(["--other"]), /--other/);
  assert.throws(() => parseArguments(["--state", "relative", "--address", "x"]), /--state/);
  assert.throws(() => parseArguments(["--state", "/run/x"]), /--address/);
});
