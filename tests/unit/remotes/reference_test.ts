import assert from "node:assert/strict";
import fc from "fast-check";
import { Code, isError } from "../../../lib/errors.ts";
import { formatReference, normalizeReference, parseReference } from "../../../lib/remotes/mod.ts";

const hex = "a".repeat(64);

const normal: [typed: string, full: string][] = [
  ["alpine", "docker.io/library/alpine:latest"],
  ["alpine:3.20", "docker.io/library/alpine:3.20"],
  ["user/app", "docker.io/user/app:latest"],
  ["docker.io/alpine", "docker.io/library/alpine:latest"],
  ["index.docker.io/user/app", "docker.io/user/app:latest"],
  ["localhost/app", "localhost/app:latest"],
  ["localhost:5000/app", "localhost:5000/app:latest"],
  ["[::1]:5000/a/b:c", "[::1]:5000/a/b:c"],
  ["quay.io/a/b", "quay.io/a/b:latest"],
  [`alpine@sha256:${hex}`, `docker.io/library/alpine@sha256:${hex}`],
  [`alpine:3@sha256:${hex}`, `docker.io/library/alpine:3@sha256:${hex}`],
];

for (const [typed, full] of normal) {
  Deno.test(`${typed} is short for ${full}`, () => assert.equal(normalizeReference(typed), full));
}

const wrong: [reference: string, part: RegExp][] = [
  ["", /hostname required/],
  ["alpine", /hostname required/],
  ["docker.io/library/alpine", /object required/],
  ["docker.io/library/alpine:", /"" is not a tag/],
  ["docker.io/library/alpine@sha256:12", /"sha256:12" is not a digest/],
  ["docker.io/Library/alpine:1", /"Library" is not a part.*lower case/],
  ["docker.io/../alpine:1", /"\.\." is not a part/],
  ["docker.io//alpine:1", /"" is not a part/],
  ["https://docker.io/library/alpine:1", /scheme/],
  ["user@host/a:1", /"user@host" is not a host/],
  ["ho st/a:1", /"ho st" is not a host/],
  ["host/a:b c", /"b c" is not a tag/],
  [`host/${"a".repeat(256)}:1`, /longer than 255/],
];

for (const [reference, part] of wrong) {
  Deno.test(`reference ${JSON.stringify(reference.slice(0, 60))} is refused with the part that is wrong`, () => {
    assert.throws(
      () => parseReference(reference),
      (error) => isError(error, Code.InvalidArgument) && part.test(error.message),
    );
  });
}

const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const references = fc.record({
  host: fc.constantFrom("docker.io", "127.0.0.1:5000", "localhost", "[::1]:80", "a-b.example"),
  repository: fc.array(word, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")),
  tag: fc.oneof(word, fc.constant("")),
  digest: fc.constantFrom("", `sha256:${hex}`),
}, { noNullPrototype: true }).filter(({ tag, digest }) => tag !== "" || digest !== "");

Deno.test("what is formatted is parsed to the same parts", () => {
  fc.assert(fc.property(references, (reference) => {
    assert.deepEqual(parseReference(formatReference(reference)), reference);
  }));
});

Deno.test("any text is a reference or a clean refusal, and a normal form is its own", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    try {
      const full = normalizeReference(text);
      assert.equal(normalizeReference(full), full);
    } catch (error) {
      assert.ok(isError(error, Code.InvalidArgument), String(error));
    }
  }));
});
