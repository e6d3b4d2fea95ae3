/** Archives that are damaged, incomplete or meant to do harm: one clear error, a store as before, a retry works. */
import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { concat, makeTar, type TarItem } from "../../harness/tar.ts";
import { type Longshore, Scratch, startLongshore } from "../../harness/mod.ts";
import { fails, store, succeeds } from "./support.ts";
import {
  blobFile,
  type Bytes,
  digestOf,
  dockerFiles,
  encode,
  layoutFile,
  layoutFiles,
  madeImage,
} from "./made.ts";

const good = madeImage();
const nowhere = `sha256:${"0".repeat(64)}`;
const random = (size: number) => crypto.getRandomValues(new Uint8Array(size));

/** A layout's files with some of them replaced. */
function spoiled(change: (file: TarItem) => TarItem | TarItem[], image = good): Bytes {
  return makeTar(layoutFiles(image).flatMap(change));
}

/** A manifest whose layer has other bytes than its name says. */
const lie: Bytes = random(600);

const cases: { what: string; archive: () => Bytes; error: RegExp }[] = [
  {
    what: "a layer that isn't in it",
    archive: () => spoiled((file) => file.body === good.layer ? [] : file),
    error: new RegExp(`names the layer ${digestOf(good.layer)}, which is neither in the archive nor here`),
  },
  {
    what: "a config that isn't in it",
    archive: () => spoiled((file) => file.body === good.config ? [] : file),
    error: new RegExp(`names the config ${digestOf(good.config)}, which is neither`),
  },
  {
    what: "a manifest that isn't in it",
    archive: () => spoiled((file) => file.body === good.manifest ? [] : file),
    error: new RegExp(`names the manifest ${digestOf(good.manifest)}, which is neither`),
  },
  {
    what: "a blob of another digest than its name's",
    archive: () => makeTar([...layoutFiles(good), blobFile(lie, nowhere)]),
    error: new RegExp(`the bytes of .*0{64}.* have the digest ${digestOf(lie)}`),
  },
  {
    what: "a size that isn't true",
    archive: () => makeTar(layoutFiles(madeImage({ layer: { size: 3 } }))),
    error: /says that sha256:\S+ has 3 bytes, it has \d+/,
  },
  {
    what: "a document twice, with different bytes",
    archive: () => makeTar([...layoutFiles(good), { name: "./index.json", body: encode({ manifests: [] }) }]),
    error: /"index.json" is there twice, with different bytes/,
  },
  {
    what: "a layer twice, with different bytes",
    archive: () => makeTar([...dockerFiles(good), { name: "abc/layer.tar", body: lie }]),
    error: /"abc\/layer.tar" is there twice, with different bytes/,
  },
  {
    what: "an end in the middle of a blob",
    archive: () =>
      makeTar([...layoutFiles(good), { name: "last", body: lie }], { end: "none" }).slice(0, -600),
    error: /ends in the middle of entry "last": unexpected end of file/,
  },
  {
    what: "an end in the middle of its compression",
    archive: () =>
      new Uint8Array(gzipSync(concat([makeTar(layoutFiles(good)), random(9000)]))).slice(0, 5000),
    error: /gzip: unexpected end of file/,
  },
  { what: "no archive", archive: () => random(5000), error: /not an image archive: tar header/ },
  { what: "nothing", archive: () => new Uint8Array(), error: /not an image archive/ },
  {
    what: "a tar of other things",
    archive: () => makeTar([{ name: "etc/passwd", body: "root" }]),
    error: /not an image archive: it has neither an oci-layout file nor docker's manifest.json/,
  },
  {
    what: "a blob that is a link to a file of ours",
    archive: () =>
      spoiled((file) =>
        file.body === good.layer ? { name: file.name, type: "2", linkName: "/etc/passwd" } : file
      ),
    error: /names the layer sha256:\S+, which is neither in the archive nor here/,
  },
  {
    what: "a layer that is a link out of it",
    archive: () =>
      makeTar(
        dockerFiles(good).map((file) =>
          file.name === "abc/layer.tar" ? { name: file.name, type: "2", linkName: "../../etc/passwd" } : file
        ),
      ),
    error: /names the layer "abc\/layer.tar", which is not in it/,
  },
  {
    what: "links in a circle",
    archive: () =>
      makeTar([
        ...dockerFiles(good, ["a"]),
        { name: "a", type: "2", linkName: "b" },
        { name: "b", type: "2", linkName: "a" },
      ]),
    error: /layer "a" is a link that leads nowhere/,
  },
  {
    what: "a layer's name that climbs out",
    archive: () => makeTar(dockerFiles(good, ["../../etc/shadow"])),
    error: /layer "..\/..\/etc\/shadow" leads out/,
  },
  {
    what: "an entry whose name climbs out",
    archive: () => makeTar([{ name: "../../tmp/evil", body: "x" }, ...layoutFiles(good)]),
    error: /name "..\/..\/tmp\/evil" leads out/,
  },
  {
    what: "an entry 10,000 directories deep",
    archive: () => makeTar([{ name: "d/".repeat(10_000) + "f", body: "x" }, ...layoutFiles(good)]),
    error: /name "d\/d\/.* \(20001 bytes\) is too long/,
  },
  {
    what: "a layer with a path 10,000 directories deep",
    archive: () => {
      const layerBytes = makeTar([{ name: "d/".repeat(10_000) + "f", body: "x" }]);
      return makeTar(layoutFiles(madeImage({ layerBytes })));
    },
    error: /name too long/,
  },
  {
    what: "CVE-2023-25153: an index.json that claims 8 GB",
    archive: () => makeTar([layoutFile, { name: "index.json", body: "{}", size: 8e9 }]),
    error: /index.json has 8000000000 bytes, more than the 8388608 that are read/,
  },
  {
    what: "CVE-2023-25153: a manifest.json that claims 8 GB",
    archive: () => makeTar([{ name: "manifest.json", body: "[]", size: 8e9 }]),
    error: /manifest.json has 8000000000 bytes, more than/,
  },
  {
    what: "CVE-2023-25153: a manifest that claims 8 GB",
    archive: () => makeTar(layoutFiles(madeImage({ manifest: { size: 8e9 } }))),
    error: /says that sha256:\S+ has 8000000000 bytes, it has \d+/,
  },
  {
    what: "a blob that claims 8 GB",
    archive: () => makeTar([...layoutFiles(good), { ...blobFile(lie), size: 8e9 }]),
    error: /ends in the middle of entry "blobs\/sha256\/[0-9a-f]{64}"/,
  },
  {
    what: "an index that names itself",
    archive: () => {
      // No document can hold its own digest; one may claim to, and have its name.
      const digest = digestOf(lie);
      const entry = { mediaType: "application/vnd.oci.image.index.v1+json", digest, size: 0 };
      const bytes = encode({ schemaVersion: 2, manifests: [entry] });
      const index = encode({ schemaVersion: 2, manifests: [{ ...entry, size: bytes.length }] });
      return makeTar([layoutFile, { name: "index.json", body: index }, blobFile(bytes, digest)]);
    },
    error: /the bytes of .* have the digest/,
  },
  {
    what: "indexes without end",
    archive: () => {
      const files: TarItem[] = [];
      let inner = good.index;
      for (let n = 0; n < 20; n++) {
        files.push(blobFile(inner));
        const mediaType = "application/vnd.oci.image.index.v1+json";
        const annotations = { "org.opencontainers.image.ref.name": "deep" };
        const entry = { mediaType, digest: digestOf(inner), size: inner.length, annotations };
        inner = encode({ schemaVersion: 2, manifests: [entry] });
      }
      return makeTar([...layoutFiles(good).filter(({ name }) => name !== "index.json"), ...files, {
        name: "index.json",
        body: inner,
      }]);
    },
    error: /indexes nested deeper than 8/,
  },
  {
    what: "a bomb",
    archive: () => {
      const header = makeTar([{ name: "blobs/zeros", size: 8e9 }], { end: "none" });
      return new Uint8Array(zstdCompressSync(concat([header, new Uint8Array(300 << 20)])));
    },
    error: /archive: \d+ bytes unpack to \d+ or more: the limit is 256 MiB and 200 times its compressed size/,
  },
  {
    what: "a layer that isn't one",
    archive: () => makeTar(layoutFiles(madeImage({ layerBytes: lie }))),
    error: new RegExp(`${digestOf(lie)}: tar header with a wrong checksum`),
  },
  {
    what: "a document that is no JSON",
    archive: () => makeTar([layoutFile, { name: "index.json", body: "{nonsense" }]),
    error: /index.json is not JSON/,
  },
  {
    what: "an image without a name",
    archive: () => {
      const { manifests } = JSON.parse(new TextDecoder().decode(good.index));
      const index = encode({ schemaVersion: 2, manifests: [{ ...manifests[0], annotations: {} }] });
      return spoiled((file) => file.name === "index.json" ? { ...file, body: index } : file);
    },
    error: /its images have no names: give one with --index-name, or take --digests/,
  },
];

Deno.test("an archive that is bad is refused with one error, and leaves nothing", async (t) => {
  await using scratch = await Scratch.make("shm");
  await using daemon = await startLongshore({ where: "shm" });
  const path = scratch.join("bad.tar");
  for (const { what, archive, error } of cases) {
    await t.step(what, async () => {
      await Deno.writeFile(path, archive());
      const message = await fails(daemon.ctr(["images", "import", path]));
      assert.match(message, error);
      assert.equal(message.trim().split("\n").length, 1, message);
      assert.deepEqual(await left(daemon), nothing);
    });
  }
  await t.step("and good ones come in afterwards", async () => {
    await Deno.writeFile(path, makeTar(layoutFiles(good)));
    await succeeds(daemon.ctr(["images", "import", "--base-name", "made", path]));
    await Deno.writeFile(path, makeTar(dockerFiles(good)));
    await succeeds(daemon.ctr(["images", "import", path]));
    assert.deepEqual((await store(daemon)).images, ["example.test/made:1", "made:1"]);
  });
});

const nothing = { images: [], content: [], writes: "", snapshots: "", leases: "", staged: 0 };

/** All that an import may leave behind. */
async function left(daemon: Longshore) {
  const rows = async (...list: string[]) =>
    (await succeeds(daemon.ctr(list))).trim().split("\n").slice(1).join("\n");
  const staged = await Array.fromAsync(Deno.readDir(`${daemon.root}/snapshots/overlayfs/snapshots`)).catch(
    () => [],
  );
  return {
    ...await store(daemon),
    writes: await rows("content", "active"),
    snapshots: await rows("snapshots", "ls"),
    leases: await rows("leases", "ls"),
    staged: staged.length,
  };
}
