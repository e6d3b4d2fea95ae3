/** Archives that are damaged, or lie: a clear error, in bounded time and memory. */
import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { Code, CtrError } from "../../../lib/errors.ts";
import { runAlone } from "../../harness/mod.ts";
import { concat, makeTar, paxData, type TarItem } from "../../harness/tar.ts";
import { readTree } from "../../harness/tree.ts";
import { Cage, unpackBytes } from "./support.ts";

const bytes = (data: Uint8Array) => new Uint8Array(data);
const text = (value: string) => new TextEncoder().encode(value);
const simple = makeTar([{ name: "a", body: "hello".repeat(1000) }, { name: "b", body: "x" }]);
const randomBody = crypto.getRandomValues(new Uint8Array(60000));
const zipped = bytes(gzipSync(makeTar([{ name: "r", body: randomBody }])));
const field = (at: number, value: string): TarItem["patch"] => (block) => block.set(text(value), at);

const bad: Record<string, { data: Uint8Array<ArrayBuffer>; says: RegExp }> = {
  "no tar at all": { data: bytes(text("<html>not found</html>".repeat(100))), says: /wrong checksum/ },
  "a wrong checksum": {
    data: (() => {
      const tar = makeTar([{ name: "a", body: "x" }]);
      tar[0] = 98;
      return tar;
    })(),
    says: /wrong checksum/,
  },
  "a gzip stream cut in its body": { data: zipped.slice(0, 30000), says: /gzip: unexpected end of file/ },
  "a gzip stream cut in its trailer": { data: zipped.slice(0, -3), says: /gzip: unexpected end of file/ },
  "a gzip stream cut in its header": { data: zipped.slice(0, 5), says: /gzip: unexpected end of file/ },
  "a gzip stream with a flipped byte": {
    data: zipped.map((byte, at) => at === zipped.length - 6 ? byte ^ 1 : byte),
    says: /gzip: incorrect data check/,
  },
  "garbage after a gzip stream": {
    data: concat([zipped, text("garbage, 18 bytes.")]),
    says: /gzip: .*header/,
  },
  "zeros after a gzip stream": { data: concat([zipped, new Uint8Array(512)]), says: /gzip: .*header/ },
  "a cut zstd stream": { data: bytes(zstdCompressSync(randomBody)).slice(0, -10), says: /zstd|checksum/ },
  "a zstd stream cut after a tar's end": {
    data: bytes(zstdCompressSync(concat([simple, randomBody]))).slice(0, -10),
    says: /zstd: unexpected end of file/,
  },
  "garbage after a zstd stream": { data: concat([zstdCompressSync(simple), text("garbage")]), says: /zstd/ },
  "a body cut short": {
    data: simple.slice(0, 2000),
    says: /in the middle of entry "a": unexpected end of file/,
  },
  "a header cut short": {
    data: simple.slice(0, 700 + 5120),
    says: /in the middle of a header: unexpected end/,
  },
  "a lone zero block": {
    data: concat([makeTar([{ name: "a" }], { end: "none" }), new Uint8Array(512), simple]),
    says: /lone zero block/,
  },
  "uid over 2^32": {
    data: makeTar([{ name: "a", uid: 2 ** 32 }]),
    says: /"a": uid 4294967296 is out of range/,
  },
  "uid -1, which means no change": {
    data: makeTar([{ name: "a", uid: 0xffffffff }]),
    says: /uid 4294967295/,
  },
  "gid over 2^32 in a pax record": {
    data: makeTar([{ name: "a", pax: { gid: "4294967296" } }]),
    says: /gid 4294967296/,
  },
  "a negative uid": { data: makeTar([{ name: "a", uid: -1 }]), says: /uid -1 is out of range/ },
  "a negative size": { data: makeTar([{ name: "a", size: -512 }]), says: /negative size/ },
  "a negative size in a pax record": {
    data: makeTar([{ name: "a", pax: { size: "-1" } }]),
    says: /negative size/,
  },
  "a size that isn't octal": {
    data: makeTar([{ name: "a", patch: field(124, "9999999999x") }]),
    says: /size is not a/,
  },
  "a size beyond 2^53": {
    data: makeTar([{
      name: "a",
      patch: (block) => block.fill(0xff, 125, 136) && block.fill(0xbf, 124, 125),
    }]),
    says: /size is not a number/,
  },
  "a pax size beyond 2^63": {
    data: makeTar([{ name: "a", pax: { size: "9".repeat(30) } }]),
    says: /size .* is not a number within 2\^53/,
  },
  "a pax header of a gigabyte": {
    data: makeTar([{ name: "x", type: "x", size: 2 ** 30 }]),
    says: /the limit is 1048576/,
  },
  "a GNU name of a gigabyte": {
    data: makeTar([{ name: "x", type: "L", size: 2 ** 30 }]),
    says: /the limit is 1048576/,
  },
  "a pax record that says it is longer": {
    data: makeTar([{ name: "x", type: "x", body: "99 path=a\n" }, { name: "a" }]),
    says: /malformed record/,
  },
  "a pax record without a key": {
    data: makeTar([{ name: "x", type: "x", body: "5 =a\n" }, { name: "a" }]),
    says: /malformed record/,
  },
  "a malformed global header": {
    data: makeTar([{ name: "g", type: "g", body: "rubbish" }]),
    says: /malformed record/,
  },
  "an unknown type": { data: makeTar([{ name: "a", type: "V" }]), says: /"a": unknown type "V"/ },
  "a device number that no kernel has": {
    data: makeTar([{ name: "a", type: "3", device: { major: 70000, minor: 1 } }]),
    says: /unpack "a": mknod: invalid argument/,
  },
  "a sparse map beyond the file's end": {
    data: makeTar([{
      name: "a",
      body: "xxxx",
      pax: { "GNU.sparse.size": "10", "GNU.sparse.numblocks": "1", "GNU.sparse.map": "8,4" },
    }]),
    says: /sparse map of "a": out of order or beyond/,
  },
  "a sparse map with overlaps": {
    data: makeTar([{
      name: "a",
      body: "xxxx",
      pax: { "GNU.sparse.size": "10", "GNU.sparse.map": "0,2,1,2" },
    }]),
    says: /sparse map of "a": out of order or beyond/,
  },
  "a sparse map that claims more than is stored": {
    data: makeTar([{ name: "a", body: "xx", pax: { "GNU.sparse.size": "100", "GNU.sparse.map": "0,50" } }]),
    says: /sparse map of "a": 50 bytes, but 2 are stored/,
  },
  "a sparse map of a billion entries": {
    data: makeTar([{
      name: "a",
      body: "1000000000\n".padEnd(512, "1\n"),
      pax: { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9" },
    }]),
    says: /bad count/,
  },
};

for (const [name, { data, says }] of Object.entries(bad)) {
  for (const step of [data.length, 700]) {
    Deno.test(`unpacking refuses ${name}, given ${step === 700 ? "in pieces" : "whole"}`, async () => {
      await using cage = await Cage.make();
      assert.throws(
        () => unpackBytes(data, cage.root, { step }),
        (error) => {
          assert.ok(error instanceof CtrError, String(error));
          assert.match(error.message, says);
          assert.equal(error.code, Code.InvalidArgument);
          return true;
        },
      );
      const { before, after } = cage.changedOutside();
      assert.deepEqual(after, before);
    });
  }
}

Deno.test("unpacking a name's records in a megabyte of pax header is done, and one byte more is not", async () => {
  await using cage = await Cage.make();
  const data = (size: number) => {
    const filler = paxData({ comment: "x".repeat(size - 17) });
    return makeTar([{ name: "x", type: "x", body: filler }, { name: "a" }]);
  };
  unpackBytes(data(1 << 20), cage.root);
  assert.throws(() => unpackBytes(data((1 << 20) + 10), cage.root), /the limit is 1048576/);
});

Deno.test("unpacking a file of a terabyte of holes costs no disk and no time", async () => {
  await using cage = await Cage.make();
  const size = String(2 ** 40);
  const pax = { "GNU.sparse.size": size, "GNU.sparse.numblocks": "1", "GNU.sparse.map": `${2 ** 40 - 2},2` };
  unpackBytes(makeTar([{ name: "a", body: "xy", pax }]), cage.root);
  const { size: length, blocks } = await Deno.stat(`${cage.root}/a`);
  assert.equal(length, 2 ** 40);
  assert.ok(blocks! <= 16);
});

Deno.test("unpacking a gzip bomb takes memory for one buffer, not for what it unpacks to", async () => {
  const { size, unpacked, grown } = await runAlone(new URL("./bomb.ts", import.meta.url));
  assert.equal(unpacked, size + 512);
  assert.ok(grown < 64 << 20, `grew by ${grown >> 20} MB`);
});

Deno.test("unpacking a truncated layer leaves nothing outside of its directory", async () => {
  await using cage = await Cage.make();
  const layer = bytes(
    gzipSync(makeTar([{ name: "d/a", body: randomBody }, { name: "e", body: randomBody }])),
  );
  for (let cut = 1; cut < layer.length; cut += 997) {
    assert.throws(() => unpackBytes(layer.slice(0, cut), cage.root), /unexpected end of file|wrong checksum/);
  }
  assert.deepEqual([...readTree(cage.root).keys()].filter((path) => !/^(d(\/a)?|e)?$/.test(path)), []);
});
