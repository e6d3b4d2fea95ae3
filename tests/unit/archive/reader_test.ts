import assert from "node:assert/strict";
import fc from "fast-check";
import { type Entry, TarReader } from "../../../lib/archive/mod.ts";
import { concat, makeTar, type TarItem } from "../../harness/tar.ts";

interface Read {
  entry: Entry;
  /** The content with its holes filled. */
  body: Uint8Array;
}

/** Reads an archive given in pieces of `step` bytes. */
function read(tar: Uint8Array<ArrayBuffer>, step = tar.length): Read[] {
  const found: Read[] = [];
  let ended = 0;
  const reader = new TarReader({
    entry: (entry) => found.push({ entry: { ...entry }, body: new Uint8Array(entry.size) }),
    data: (chunk, start, end, offset) => found.at(-1)!.body.set(chunk.subarray(start, end), offset),
    end: () => ended++,
  });
  for (let at = 0; at < tar.length; at += step) reader.push(tar.slice(at, at + step));
  reader.finish();
  assert.equal(ended, found.length);
  return found;
}

const only = (tar: Uint8Array<ArrayBuffer>) => {
  const found = read(tar);
  assert.equal(found.length, 1);
  return found[0]!;
};
const latin1 = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

const byteText = (max: number) =>
  fc.array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: max })
    .map((bytes) => String.fromCharCode(...bytes)).filter((text) => !text.endsWith("/"));
const item: fc.Arbitrary<TarItem> = fc.record({
  name: byteText(300),
  body: fc.uint8Array({ maxLength: 1500 }),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
  gid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
  mtime: fc.integer({ min: 0, max: 2 ** 33 }),
  dialect: fc.constantFrom("pax", "gnu"),
});

Deno.test("TarReader reads back what was written, in pieces of any size", () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 4 }), fc.integer({ min: 1, max: 1600 }), (items, step) => {
      const found = read(makeTar(items), step);
      assert.deepEqual(
        found.map((
          { entry, body },
        ) => [entry.name, body, entry.mode, entry.uid, entry.gid, entry.mtime.seconds]),
        items.map(({ name, body, mode, uid, gid, mtime }) => [name, body, mode, uid, gid, mtime]),
      );
    }),
    { seed: 7, numRuns: 300 },
  );
});

Deno.test("TarReader never does anything but read or refuse, whatever bytes come", () => {
  const tar = makeTar([{ name: "a", body: "x".repeat(700), pax: { mtime: "1.5" } }, {
    name: "b",
    type: "5",
  }]);
  const damage = fc.array(fc.tuple(fc.nat(tar.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(damage, fc.boolean(), (changes, repair) => {
      const damaged = tar.slice();
      for (const [at, value] of changes) damaged[at] = value;
      if (repair) { for (const at of [0, 1024, 3072]) fixChecksum(damaged, at); }
      try {
        read(damaged);
      } catch (error) {
        assert.equal((error as Error).name, "CtrError", String(error));
      }
    }),
    { seed: 8, numRuns: 2000 },
  );
});

function fixChecksum(block: Uint8Array, at: number) {
  block.fill(32, at + 148, at + 156);
  const sum = block.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
  block.set(latin1(sum.toString(8).padStart(6, "0") + "\0 "), at + 148);
}

Deno.test("TarReader accepts an archive that ends right after its last body", () => {
  const whole = makeTar([{ name: "a", body: "hello" }], { end: "none" });
  for (const length of [512 + 5, 600, 1024, 1024 + 512]) {
    const tar = concat([whole, new Uint8Array(1024)]).slice(0, length);
    assert.equal(new TextDecoder().decode(only(tar).body), "hello");
  }
});

Deno.test("TarReader takes nothing for an empty archive, and ignores what follows an archive's end", () => {
  assert.deepEqual(read(new Uint8Array(0)), []);
  assert.deepEqual(read(new Uint8Array(512)), []);
  assert.deepEqual(read(new Uint8Array(10240)), []);
  only(concat([makeTar([{ name: "a" }]), latin1("rubbish".repeat(200))]));
});

Deno.test("TarReader prefers pax records to the header, and ignores empty ones", () => {
  const pax = {
    path: "new/\xff",
    linkpath: "to",
    uid: "70000",
    gid: "",
    mtime: "1600000000.123456789123",
    "SCHILY.xattr.user.k": "a=b\0\xff",
    "LIBARCHIVE.xattr.user.k": "x",
  };
  const { entry } = only(makeTar([{ name: "old", type: "2", linkName: "old", uid: 5, gid: 6, pax }]));
  assert.equal(entry.name, "new/\xff");
  assert.equal(entry.linkName, "to");
  assert.deepEqual([entry.uid, entry.gid], [70000, 6]);
  assert.deepEqual(entry.mtime, { seconds: 1600000000, nanos: 123456789 });
  assert.deepEqual(entry.xattrs, new Map([["user.k", latin1("a=b\0\xff")]]));
});

Deno.test("TarReader takes the size of a body from a pax record", () => {
  const tar = makeTar([{ name: "a", body: "hello", size: 0, pax: { size: "5" } }, { name: "b" }]);
  assert.deepEqual(read(tar).map(({ entry, body }) => [entry.name, body.length]), [["a", 5], ["b", 0]]);
});

Deno.test("TarReader lets global pax headers change nothing, as Go's reader does", () => {
  const global = makeTar([{ name: "g", type: "g", body: "12 path=no!\n" }], { end: "none" });
  assert.equal(only(concat([global, makeTar([{ name: "a" }])])).entry.name, "a");
});

Deno.test("TarReader joins ustar's prefix and name", () => {
  const patch = (block: Uint8Array) => block.set(latin1("some/directory"), 345);
  assert.equal(only(makeTar([{ name: "a", patch }])).entry.name, "some/directory/a");
});

Deno.test("TarReader knows a directory of old by its slash", () => {
  const patch = (block: Uint8Array) => void (block[156] = 0);
  assert.equal(only(makeTar([{ name: "a/", patch }])).entry.type, "directory");
  assert.equal(only(makeTar([{ name: "a", patch }])).entry.type, "file");
});

Deno.test("TarReader brings times that no file system keeps to the epoch", () => {
  for (const mtime of ["-1.5", "9223372037", "99999999999999999"]) {
    assert.deepEqual(only(makeTar([{ name: "a", pax: { mtime } }])).entry.mtime, { seconds: 0, nanos: 0 });
  }
  assert.equal(only(makeTar([{ name: "a", mtime: 2 ** 40 }])).entry.mtime.seconds, 0);
});

Deno.test("TarReader gives no body to types that have none, whatever their size says", () => {
  const tar = concat([
    makeTar([{ name: "d", type: "5", size: 4096 }, { name: "l", type: "1", linkName: "a", size: 9 }], {
      end: "none",
    }),
    makeTar([{ name: "a", body: "x" }]),
  ]);
  assert.deepEqual(read(tar).map(({ entry }) => entry.size), [0, 0, 1]);
});

Deno.test("TarReader puts the pieces of sparse files in their place (pax 0.0, 0.1 and 1.0)", () => {
  const map = "2\n2\n3\n8\n2\n".padEnd(512, "\0");
  const expected = latin1("\0\0abc\0\0\0de");
  const old = { "GNU.sparse.size": "10", "GNU.sparse.numblocks": "2" };
  const v1 = {
    "GNU.sparse.major": "1",
    "GNU.sparse.minor": "0",
    "GNU.sparse.realsize": "10",
    "GNU.sparse.name": "s",
  };
  const cases: TarItem[] = [
    { name: "s", body: "abcde", pax: { ...old, "GNU.sparse.map": "2,3,8,2" } },
    { name: "x", body: map + "abcde", pax: v1 },
  ];
  for (const one of cases) {
    const { entry, body } = only(makeTar([one]));
    assert.equal(entry.name, "s");
    assert.deepEqual(body, expected);
    for (const step of [1, 100, 513]) assert.deepEqual(read(makeTar([one]), step)[0]!.body, expected);
  }
});
