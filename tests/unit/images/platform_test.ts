import assert from "node:assert/strict";
import fc from "fast-check";
import { Code, isError } from "../../../lib/errors.ts";
import {
  formatPlatform,
  matches,
  normalizePlatform,
  parsePlatform,
  suitable,
} from "../../../lib/images/mod.ts";

const normal: [text: string, full: string][] = [
  ["linux/amd64", "linux/amd64"],
  ["linux/x86_64", "linux/amd64"],
  ["linux/aarch64", "linux/arm64"],
  ["linux/arm64/v8", "linux/arm64"],
  ["linux/arm", "linux/arm/v7"],
  ["linux/armhf", "linux/arm/v7"],
  ["linux/armel", "linux/arm/v6"],
  ["linux/i386", "linux/386"],
  ["macos/arm64", "darwin/arm64"],
  ["linux/amd64/v1", "linux/amd64"],
];

for (const [text, full] of normal) {
  Deno.test(`platform ${text} is ${full}`, () => assert.equal(formatPlatform(parsePlatform(text)), full));
}

Deno.test("an architecture alone is this system's, a system alone this architecture's", () => {
  assert.equal(formatPlatform(parsePlatform("s390x")), "linux/s390x");
  assert.equal(parsePlatform("windows").os, "windows");
});

Deno.test("platforms that are none are refused", () => {
  for (const text of ["", "a/b/c/d", "linux//", "linux/a b", "nonsense"]) {
    assert.throws(() => parsePlatform(text), (error) => isError(error, Code.InvalidArgument), text);
  }
});

Deno.test("arm runs what is older, best first", () => {
  const items = ["linux/arm/v5", "linux/arm/v7", "linux/arm/v6", "linux/amd64"]
    .map((text) => ({ platform: parsePlatform(text) }));
  const order = (wanted: string) =>
    suitable(parsePlatform(wanted), items).map(({ platform }) => formatPlatform(platform));
  assert.deepEqual(order("linux/arm/v6"), ["linux/arm/v6", "linux/arm/v5"]);
  assert.deepEqual(order("linux/arm64"), ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]);
});

Deno.test("a normalized platform is its own normal form, and suits itself", () => {
  const word = fc.stringMatching(/^[a-z0-9]{1,6}$/);
  const architecture = fc.oneof(word, fc.constantFrom("arm", "arm64", "amd64", "armhf", "x86_64", "386"));
  const variant = fc.constantFrom("", "v1", "v5", "v7", "v8", "8");
  fc.assert(fc.property(word, architecture, variant, (os, architecture, variant) => {
    const once = normalizePlatform({ os, architecture, variant, osVersion: "" });
    assert.deepEqual(normalizePlatform(once), once);
    assert.ok(matches(once, once));
  }));
});
