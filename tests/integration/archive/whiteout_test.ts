/** Deletions: what the kernel's overlayfs shows of one form is what the other form leaves in a tree. */
import assert from "node:assert/strict";
import { adoptParents } from "../../../lib/archive/mod.ts";
import { must, Scratch } from "../../harness/mod.ts";
import type { TarItem } from "../../harness/tar.ts";
import { compareTrees, type Difference, readTree } from "../../harness/tree.ts";
import { unpackItems } from "./support.ts";

const dir = (name: string, mode = 0o755, uid = 0): TarItem => ({ name, type: "5", mode, uid, mtime: 1e9 });
const file = (name: string, body = "x"): TarItem => ({ name, body, mtime: 1e9 });

const base: TarItem[] = [
  dir("etc", 0o750, 7),
  dir("etc/conf.d", 0o700),
  file("etc/conf.d/a"),
  file("etc/conf.d/b"),
  file("etc/passwd"),
  dir("var"),
  dir("var/log", 0o2775, 9),
  file("var/log/messages"),
  file("var/log/old"),
  file("plain"),
  { name: "link", type: "2", linkName: "plain", mtime: 1e9 },
];

/** Layers, with what must be there afterwards and what not. */
const layers: Record<string, { items: TarItem[]; has?: string[]; lacks?: string[] }> = {
  "a file": {
    items: [file("etc/.wh.passwd")],
    has: ["etc/conf.d/a"],
    lacks: ["etc/passwd", "etc/.wh.passwd"],
  },
  "a symlink, not its target": { items: [file(".wh.link")], has: ["plain"], lacks: ["link"] },
  "a directory": { items: [file(".wh.etc")], has: ["var/log"], lacks: ["etc"] },
  "what isn't there": { items: [file("var/.wh.nothing")], has: ["var/log/old"] },
  "all in a directory, marked first": {
    items: [file("etc/conf.d/.wh..wh..opq"), file("etc/conf.d/c")],
    has: ["etc/conf.d/c", "etc/passwd"],
    lacks: ["etc/conf.d/a", "etc/conf.d/b"],
  },
  "all in a directory, marked last": {
    items: [file("etc/conf.d/b", "new"), file("etc/conf.d/c"), file("etc/conf.d/.wh..wh..opq")],
    has: ["etc/conf.d/b", "etc/conf.d/c"],
    lacks: ["etc/conf.d/a"],
  },
  "all in a directory above implied ones": {
    items: [file("etc/conf.d/sub/deep/c"), file("etc/.wh..wh..opq")],
    has: ["etc/conf.d/sub/deep/c"],
    lacks: ["etc/conf.d/a", "etc/passwd"],
  },
  "a directory that the layer makes anew": {
    items: [file("etc/.wh.conf.d"), dir("etc/conf.d"), file("etc/conf.d/c")],
    has: ["etc/conf.d/c"],
    lacks: ["etc/conf.d/a"],
  },
  "a directory that the layer had made anew": {
    items: [dir("etc/conf.d"), file("etc/conf.d/c"), file("etc/.wh.conf.d")],
    has: ["etc/conf.d/c"],
    lacks: ["etc/conf.d/a"],
  },
  "a directory below which the layer goes on": {
    items: [file("etc/.wh.conf.d"), file("etc/conf.d/sub/c")],
    has: ["etc/conf.d/sub/c"],
    lacks: ["etc/conf.d/a"],
  },
  "a file that the layer replaces": {
    items: [file("plain", "new"), file(".wh.plain")],
    has: ["plain"],
  },
  "the same file twice": { items: [file(".wh.plain"), file(".wh.plain")], lacks: ["plain"] },
  "a directory in favour of a file": {
    items: [file("etc", "now a file")],
    has: ["etc"],
    lacks: ["etc/passwd"],
  },
  "nothing, in directories of the layers below": {
    items: [file("var/log/new"), file("etc/conf.d/c")],
    has: ["plain"],
  },
};

for (const [name, { items, has = [], lacks = [] }] of Object.entries(layers)) {
  Deno.test(`a layer that hides ${name} gives the same tree in both forms`, async () => {
    await using scratch = await Scratch.make("shm");
    const [plain, lower, upper, work, merged] = ["plain", "lower", "upper", "work", "merged"].map((part) => {
      Deno.mkdirSync(scratch.join(part));
      return scratch.join(part);
    }) as [string, string, string, string, string];
    for (const root of [plain, lower]) unpackItems(base, root);
    unpackItems(items, plain);
    const { impliedDirs } = unpackItems(items, upper, { form: "overlay" });
    adoptParents(upper, [lower], impliedDirs);
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    await must("mount", ["-t", "overlay", "overlay", "-o", options, merged]);
    const [ours, kernels] = [readTree(plain), readTree(merged)];
    for (const path of has) assert.ok(ours.has(path), `${path} is gone`);
    for (const path of lacks) assert.ok(!ours.has(path), `${path} is still there`);
    assert.deepEqual(compareTrees(ours, kernels, ignorable(impliedDirs)), []);
  });
}

/** Nobody says when a directory was changed that no entry describes. */
function ignorable(implied: string[]): (difference: Difference) => boolean {
  const touched = new Set(["", "etc", "etc/conf.d", "var", "var/log", ...implied]);
  return ({ path, field }) => touched.has(path) && field === "mtime";
}

Deno.test("adoptParents takes the nearest parent's attributes, and stops where one hides the rest", async () => {
  await using scratch = await Scratch.make("shm");
  const [far, near, upper] = ["far", "near", "upper"].map((part) => {
    Deno.mkdirSync(scratch.join(part));
    return scratch.join(part);
  }) as [string, string, string];
  const user = { "SCHILY.xattr.user.k": "v" };
  unpackItems([
    dir("a", 0o700, 5),
    dir("b", 0o711, 6),
    dir("c", 0o2775, 7),
    dir("c/d", 0o750),
    dir("e", 0o700),
  ], far);
  unpackItems(
    [
      { ...dir("a", 0o1777, 8), pax: user },
      { name: ".wh.b" },
      dir("c"),
      { name: "c/.wh..wh..opq" },
      file("e"),
    ],
    near,
    { form: "overlay" },
  );
  const names = ["a", "b", "c/d", "e", "f"];
  const { impliedDirs } = unpackItems(names.map((name) => file(`${name}/x`)), upper, { form: "overlay" });
  assert.deepEqual(impliedDirs, ["a", "b", "c", "c/d", "e", "f"]);
  adoptParents(upper, [near, far], impliedDirs);
  const tree = readTree(upper);
  const seen = Object.fromEntries(
    impliedDirs.map((path) => [path, `${tree.get(path)!.mode} ${tree.get(path)!.owner}`]),
  );
  assert.deepEqual(seen, {
    "a": "1777 8:0",
    "b": "0755 0:0",
    "c": "0755 0:0",
    "c/d": "0755 0:0",
    "e": "0755 0:0",
    "f": "0755 0:0",
  });
  assert.equal(tree.get("a")!.xattrs, "user.k=76");
  assert.equal(tree.get("a")!.mtime, "1000000000.000000000");
});
