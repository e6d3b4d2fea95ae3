import assert from "node:assert/strict";
import { type NameRule, namesFor } from "../../../lib/image_archive/naming.ts";
import { objectOf } from "../../../lib/image_archive/names.ts";

const full = "io.containerd.image.name";
const tag = "org.opencontainers.image.ref.name";
const digest = `sha256:${"a".repeat(64)}`;
const any: NameRule = { prefix: "import-day", anyName: true, digests: "never" };
const only: NameRule = { prefix: "docker.io/library/box", anyName: false, digests: "never" };

const cases: [what: string, annotations: Record<string, string>, rule: NameRule, names: string[]][] = [
  ["a tag gets the prefix", { [tag]: "1" }, any, ["import-day:1"]],
  ["a full name counts before a tag", { [tag]: "1", [full]: "a.b/c:2" }, any, ["a.b/c:2"]],
  ["a full name in the tag's place is taken as it is", { [tag]: "a.b/c:2" }, any, ["a.b/c:2"]],
  ["a full name that is none is no name", { [full]: "box", [tag]: "1" }, any, []],
  ["nothing is no name", {}, any, []],
  ["a name of the prefix is taken", { [full]: "docker.io/library/box:2" }, only, ["docker.io/library/box:2"]],
  ["another isn't", { [full]: "docker.io/library/boxes:2" }, only, []],
  ["a tag gets the prefix, also if only names of it are taken", { [tag]: "3" }, only, [
    "docker.io/library/box:3",
  ]],
  ["digests come beside names", { [tag]: "1" }, { ...any, digests: "always" }, [
    "import-day:1",
    `import-day@${digest}`,
  ]],
  ["or only where there is none", { [tag]: "1" }, { ...any, digests: "unnamed" }, ["import-day:1"]],
  ["and then they do", {}, { ...any, digests: "unnamed" }, [`import-day@${digest}`]],
];

for (const [what, annotations, rule, names] of cases) {
  Deno.test(`names of imported images: ${what}`, () => {
    assert.deepEqual(namesFor({ annotations, digest }, [rule]), names);
  });
}

Deno.test("names of imported images: by several rules each once", () => {
  const rules = [any, { ...any, prefix: "other" }, any];
  assert.deepEqual(namesFor({ annotations: { [tag]: "1" }, digest }, rules), ["import-day:1", "other:1"]);
});

Deno.test("an image's object is its tag or digest, or all of what is no reference", () => {
  assert.equal(objectOf("docker.io/library/box:1"), "1");
  assert.equal(objectOf("host:5000/box:1"), "1");
  assert.equal(objectOf(`host:5000/box@${digest}`), `@${digest}`);
  assert.equal(objectOf(`host/box:1@${digest}`), `1@${digest}`);
  assert.equal(objectOf("import-day:1"), "import-day:1");
});
