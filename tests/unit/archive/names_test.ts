import assert from "node:assert/strict";
import { bytesOf, cleanName, fromString, quote } from "../../../lib/archive/mod.ts";

Deno.test("cleanName takes a name to its path under the root", () => {
  const names: Record<string, string> = {
    "a": "a",
    "a/b.c/..d": "a/b.c/..d",
    "./a//b/./c/": "a/b/c",
    "/etc/passwd": "etc/passwd",
    "a/../b": "b",
    "a/..": "",
    "": "",
    ".": "",
    "/": "",
    "..a": "..a",
  };
  for (const [name, path] of Object.entries(names)) assert.equal(cleanName(name), path, name);
});

Deno.test("cleanName refuses what climbs above the root", () => {
  for (const name of ["..", "../a", "a/../../b", "/..", "./../x", "a/b/../../.."]) {
    assert.throws(() => cleanName(name), /leads out of the layer's root: invalid argument/, name);
  }
});

Deno.test("names keep their bytes, and messages show them readably", () => {
  assert.deepEqual(bytesOf("a\xff"), Uint8Array.of(97, 255));
  assert.equal(quote(fromString("café")), '"café"');
  assert.equal(quote("a\xff\n"), '"a\\xff\\x0a"');
  assert.match(quote("x".repeat(5000)), /^"x{200}"\.\.\. \(5000 bytes\)$/);
});
