/** Entries written as tar, read again by our reader and by GNU's numbers. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { TarReader } from "../../../lib/archive/mod.ts";
import { encodeEntry, endOfArchive, paddingAfter } from "../../../lib/archive/encode.ts";
import type { Entry, EntryType } from "../../../lib/archive/entry.ts";

const bytes = (max: number) =>
  fc.array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: max })
    .map((codes) => String.fromCharCode(...codes.filter((code) => code !== 0x2f)) || "x");
const types: EntryType[] = ["file", "directory", "symlink", "hardlink", "char", "block", "fifo"];
const id = fc.oneof(fc.constant(0), fc.nat(0x1fffff), fc.integer({ min: 0x200000, max: 0xfffffffe }));

const arbitrary: fc.Arbitrary<Entry> = fc.record({
  type: fc.constantFrom(...types),
  name: bytes(300),
  linkName: bytes(300),
  size: fc.constant(0),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: id,
  gid: id,
  mtime: fc.record({
    seconds: fc.integer({ min: 0, max: 9_000_000_000 }),
    nanos: fc.oneof(fc.constant(0), fc.nat(999_999_999)),
  }),
  device: fc.record({ major: fc.nat(0xfff), minor: fc.nat(0xfffff) }),
  xattrs: fc.array(
    fc.tuple(bytes(20).map((key) => `user.${key.replaceAll("=", "")}`), fc.uint8Array({ maxLength: 50 })),
  )
    .map((pairs) => new Map(pairs.map(([key, value]) => [key, new Uint8Array(value)]))),
}).map((entry) => ({
  ...entry,
  // The generator's own objects have no prototype.
  mtime: { ...entry.mtime },
  device: { ...entry.device },
  linkName: /link/.test(entry.type) ? entry.linkName : "",
}));

function read(archive: Uint8Array<ArrayBuffer>): Entry[] {
  const entries: Entry[] = [];
  const reader = new TarReader({ entry: (entry) => void entries.push(entry), data() {}, end() {} });
  reader.push(archive, archive.length);
  reader.finish();
  return entries;
}

const archiveOf = (...parts: Uint8Array[]) => {
  const whole = [...parts, endOfArchive()];
  const archive = new Uint8Array(whole.reduce((sum, { length }) => sum + length, 0));
  whole.reduce((at, part) => (archive.set(part, at), at + part.length), 0);
  return archive;
};

Deno.test("what is written of an entry is what is read of it, whatever its names, numbers and attributes", () => {
  fc.assert(
    fc.property(arbitrary, (entry) => {
      const [found] = read(archiveOf(encodeEntry(entry)));
      const xattrs = entry.xattrs!.size ? new Map([...entry.xattrs!].sort()) : undefined;
      const sorted = found!.xattrs && new Map([...found!.xattrs].sort());
      assert.deepEqual({ ...found, xattrs: sorted, extents: undefined }, {
        ...entry,
        xattrs,
        extents: undefined,
      });
    }),
    { numRuns: 1000 },
  );
});

Deno.test("the same entry is written the same, in whichever order its attributes come", () => {
  const entry = (keys: string[]): Entry => ({
    type: "file",
    name: "n",
    linkName: "",
    size: 0,
    mode: 0o644,
    uid: 3_000_000,
    gid: 0,
    mtime: { seconds: 1, nanos: 5 },
    device: { major: 0, minor: 0 },
    xattrs: new Map(keys.map((key) => [key, Uint8Array.of(1)])),
  });
  assert.deepEqual(encodeEntry(entry(["user.a", "user.b"])), encodeEntry(entry(["user.b", "user.a"])));
});

Deno.test("an ordinary entry needs one block, a file of 8 GiB a pax header with its size", () => {
  const entry: Entry = {
    type: "file",
    name: "n",
    linkName: "",
    size: 8 ** 11 - 1,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: { seconds: 1, nanos: 0 },
    device: { major: 0, minor: 0 },
  };
  assert.equal(encodeEntry(entry).length, 512);
  const large = new TextDecoder().decode(encodeEntry({ ...entry, size: 8 ** 11 }));
  assert.match(large, /19 size=8589934592\n/);
  assert.deepEqual([0, 1, 511, 512, 513].map(paddingAfter), [0, 511, 1, 0, 511]);
});

Deno.test("names that tar can't hold are refused", () => {
  const entry: Entry = {
    type: "file",
    name: "a\0b",
    linkName: "",
    size: 0,
    mode: 0,
    uid: 0,
    gid: 0,
    mtime: { seconds: 0, nanos: 0 },
    device: { major: 0, minor: 0 },
  };
  assert.throws(() => encodeEntry(entry), /NUL/);
  const xattrs = new Map([["user.a=b", Uint8Array.of(1)]]);
  assert.throws(() => encodeEntry({ ...entry, name: "n", xattrs }), /can't hold an xattr named "user.a=b"/);
});
