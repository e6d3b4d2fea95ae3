/** Ways out of the root: every one of them ends inside, or in a clear error, and never touches what is outside. */
import assert from "node:assert/strict";
import { CtrError } from "../../../lib/errors.ts";
import type { Form } from "../../../lib/archive/mod.ts";
import type { TarItem } from "../../harness/tar.ts";
import { readTree } from "../../harness/tree.ts";
import { Cage, unpackItems } from "./support.ts";

interface Case {
  name: string;
  items: (outside: string) => TarItem[];
  /** Paths with their content or "type target" that must be in the root afterwards. */
  holds?: Record<string, string>;
  /** What the error says; without it there must be none. */
  refused?: RegExp;
}

const dir = (name: string, mode = 0o755): TarItem => ({ name, type: "5", mode });
const file = (name: string, body: string, mode = 0o644): TarItem => ({ name, body, mode });
const symlink = (name: string, linkName: string): TarItem => ({ name, linkName, type: "2", mode: 0o777 });
const link = (name: string, linkName: string): TarItem => ({ name, linkName, type: "1" });
const escaping = /leads out of the layer's root/;

const cases: Case[] = [
  { name: "a name that climbs out", items: () => [file("../secret", "x")], refused: escaping },
  {
    name: "a name that climbs out further on",
    items: () => [file("a/../../outside/secret", "x")],
    refused: escaping,
  },
  { name: "the parent itself", items: () => [dir("..")], refused: escaping },
  { name: "a whiteout that climbs out", items: () => [file("../outside/.wh.secret", "")], refused: escaping },
  { name: "a name with .. inside", items: () => [file("a/../b", "x")], holds: { b: "x" } },
  { name: "an absolute name", items: (o) => [file(`${o}/secret`, "x")], holds: {} },
  { name: "an empty name", items: () => [dir(""), file("a", "x")], holds: { a: "x" } },
  {
    name: "the root as a file",
    items: () => [file("./", "x"), symlink(".", "/"), file("a", "x")],
    holds: { a: "x" },
  },
  {
    name: "through an absolute symlink",
    items: (o) => [symlink("a", o), file("a/secret", "x")],
    holds: {},
  },
  {
    name: "through a relative symlink",
    items: () => [symlink("a", "../outside"), file("a/secret", "x"), file("a/dir/kept", "x")],
    holds: { "outside/secret": "x" },
  },
  {
    name: "through a chain of symlinks",
    items:
      () => [symlink("a", ".."), symlink("b", "a/.."), symlink("c", "b/../outside"), file("c/secret", "x")],
    holds: { "outside/secret": "x" },
  },
  {
    name: "through a symlink of a parent directory",
    items: () => [dir("d"), symlink("d/up", "../.."), file("d/up/outside/secret", "x")],
    holds: { "outside/secret": "x" },
  },
  {
    name: "through symlinks that loop",
    items: () => [symlink("a", "b"), symlink("b", "a"), file("a/x", "x")],
    refused: /too many levels of symbolic links/,
  },
  {
    name: "through magic links",
    items: () => [symlink("a", "/proc/self/root"), file("a/x", "x")],
    holds: {},
  },
  {
    name: "a symlink replaced by a file",
    items: (o) => [symlink("a", `${o}/secret`), file("a", "x")],
    holds: { a: "x" },
  },
  {
    name: "CVE-2021-32760: mode for a symlink's target",
    items: (
      o,
    ) => [symlink("a", `${o}/secret`), dir("d"), link("d/b", "a"), { ...link("a2", "a"), mode: 0o777 }],
    holds: {},
  },
  {
    name: "a directory over a symlink to one outside",
    items: (o) => [symlink("a", `${o}/dir`), dir("a", 0o777), file("a/kept", "x")],
    holds: { "a/kept": "x" },
  },
  {
    name: "a device over a symlink",
    items: (o) => [symlink("a", `${o}/secret`), { name: "a", type: "6" }],
    holds: {},
  },
  {
    name: "a hard link out",
    items: () => [link("a", "../outside/secret")],
    refused: /link target .* leads out/,
  },
  {
    name: "a hard link to an absolute path outside",
    items: (o) => [link("a", `${o}/secret`)],
    refused: /no such file/,
  },
  {
    name: "a hard link through a symlink",
    items: (o) => [symlink("s", o), link("a", "s/secret")],
    refused: /no such file/,
  },
  {
    name: "a hard link through a relative symlink, then written to",
    items: () => [symlink("s", "../outside"), link("a", "s/secret"), file("a", "x")],
    refused: /no such file/,
  },
  {
    name: "a hard link to a symlink, then written to",
    items: (o) => [symlink("s", `${o}/secret`), link("a", "s"), file("a", "x")],
    holds: { a: "x" },
  },
  { name: "a hard link to the root", items: () => [link("a", "/")], refused: /link to "\/"/ },
  {
    name: "a whiteout through a symlink",
    items: (o) => [symlink("s", o), file("s/.wh.secret", "")],
    holds: {},
  },
  {
    name: "an opaque marker through a symlink",
    items: () => [symlink("s", "../outside/dir"), file("s/.wh..wh..opq", "")],
    holds: {},
  },
  {
    name: "a whiteout of the directory itself",
    items: () => [dir("d"), file("d/.wh..", "")],
    refused: /hides no file/,
  },
  {
    name: "a whiteout of the parent",
    items: () => [dir("d"), file("d/.wh...", "")],
    refused: /hides no file/,
  },
  { name: "a whiteout of nothing", items: () => [file(".wh.", "")], refused: /hides no file/ },
  { name: "a whiteout of a symlink", items: (o) => [symlink("a", `${o}/dir`), file(".wh.a", "")] },
  { name: "a whiteout with a dead parent", items: () => [file("no/such/.wh.a", "")], holds: {} },
  { name: "a file as a parent", items: () => [file("a", "x"), file("a/b", "x")], refused: /not a directory/ },
  {
    name: "backslashes, which are no separators (node-tar's CVE-2021-37701)",
    items: () => [file("..\\..\\outside\\secret", "x"), file("c:\\a", "y")],
    holds: { "..\\..\\outside\\secret": "x", "c:\\a": "y" },
  },
  {
    name: "composed and decomposed names beside one another (node-tar's CVE-2021-37712)",
    items: (o) => [
      symlink("caf\xc3\xa9", o),
      file("cafe\xcc\x81/secret", "x"),
      dir("CAFE"),
      file("caf\xc3\xa9/secret", "y"),
    ],
    holds: { "cafe\xcc\x81/secret": "x" },
  },
  {
    name: "bytes that aren't UTF-8",
    items: () => [file("\xff\xfe/\x80", "x")],
    holds: { "\xff\xfe/\x80": "x" },
  },
  {
    name: "a NUL in a pax name",
    items: () => [{ ...file("a", "x"), pax: { path: "a\0b" } }],
    refused: /NUL/,
  },
  { name: "a component over NAME_MAX", items: () => [file("n".repeat(256), "x")], refused: /name too long/ },
  {
    name: "a name over PATH_MAX",
    items: () => [file("d/".repeat(2500) + "f", "x")],
    refused: /name too long/,
  },
];

for (const form of ["plain", "overlay"] as Form[]) {
  for (const { name, items, holds, refused } of cases) {
    Deno.test(`unpacking in ${form} form stays inside for ${name}`, async () => {
      await using cage = await Cage.make();
      const unpack = () => unpackItems(items(cage.outside), cage.root, { form });
      if (refused) assert.throws(unpack, (error) => error instanceof CtrError && refused.test(error.message));
      else unpack();
      const { before, after } = cage.changedOutside();
      assert.deepEqual(after, before);
      assert.deepEqual(cage.beside(), ["outside", "root"]);
      const tree = readTree(cage.root);
      for (const [path, text] of Object.entries(holds ?? {})) {
        assert.equal(tree.get(path)?.type, "file", `${JSON.stringify(path)} is not there`);
        assert.equal(tree.get(path)!.content.split(" ")[0], String(text.length));
      }
    });
  }
}
