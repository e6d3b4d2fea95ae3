/** What a user sees of a registry or an image that is bad: one line, nothing left behind, and a retry that works. */
import assert from "node:assert/strict";
import { type Longshore, Scratch, startLongshore } from "../../harness/mod.ts";
import { makeTar, type TarItem } from "../../harness/tar.ts";
import {
  type Answers,
  digestOf,
  honest,
  type Seen,
  serve,
  type Small,
  smallImage,
} from "../transfer/hostile.ts";

const isLayer = ({ path }: Seen, { layer }: Small) => path.endsWith(`/blobs/${digestOf(layer)}`);
const isManifest = ({ path }: Seen) => path.includes("/manifests/");
const index = "application/vnd.oci.image.index.v1+json";

/** Answers for the layer alone. */
const layerAs = (body: (layer: Small["layer"]) => BodyInit): Answers => (seen, image) =>
  isLayer(seen, image) ? new Response(body(image.layer)) : undefined;

/** Answers for the manifest alone, with a size and digest that a client may believe. */
const manifestAs = (body: Uint8Array<ArrayBuffer>, type: string): Answers => (seen) =>
  isManifest(seen)
    ? new Response(seen.method === "HEAD" ? null : body, {
      headers: {
        "content-type": type,
        "content-length": `${body.length}`,
        "docker-content-digest": digestOf(body),
      },
    })
    : undefined;

const bytes = (text: string) => new TextEncoder().encode(text);
const manifestType = "application/vnd.oci.image.manifest.v1+json";

/** An index that wants to be its own child: it can say how long it is, but not its digest. */
const ownChild = bytes(JSON.stringify({
  schemaVersion: 2,
  mediaType: index,
  manifests: [{ mediaType: index, digest: `sha256:${"a".repeat(64)}`, size: 250 }],
}));

const registries: Record<string, { answers: Answers; says: RegExp }> = {
  "a layer with another digest": {
    answers: layerAs((layer) => layer.map((byte, at) => at === 1000 ? ~byte : byte)),
    says: /blob sha256:\w+: its bytes have the digest sha256:\w+/,
  },
  "a body that is too short": { answers: layerAs((layer) => layer.slice(0, 1000)), says: /sha256:\w+/ },
  "a body that is too long": {
    answers: layerAs((layer) => new Blob([layer, new Uint8Array(9)]).stream()),
    says: /expected \d+ bytes/,
  },
  "a manifest that is not JSON": {
    answers: manifestAs(bytes("<html>"), manifestType),
    says: /not JSON/,
  },
  "a manifest of 100 MB": {
    answers: manifestAs(new Uint8Array(100 << 20).fill(32), manifestType),
    says: /the limit is/,
  },
  "an index that refers to itself": { answers: manifestAs(ownChild, index), says: /sha256:a{64}/ },
};

const layers: Record<string, { items: (outside: string) => TarItem[]; says?: RegExp }> = {
  "a truncated gzip stream": { items: () => [{ name: "a", body: "x".repeat(5000) }], says: /gzip/ },
  "a name with ..": { items: () => [{ name: "../../../../outside", body: "bad" }], says: /outside/ },
  "an absolute name": { items: (outside) => [{ name: `${outside}/new`, body: "bad" }] },
  "a file through a symlink out of the root": {
    items: (outside) => [
      { name: "out", type: "2", linkName: outside },
      { name: "out/new", body: "bad" },
    ],
  },
  "a hard link out of the root": {
    items: (outside) => [{ name: "a", type: "1", linkName: `../../../../../..${outside}/kept` }],
    says: /link target|no such file/,
  },
  "a uid over 2^32": { items: () => [{ name: "a", uid: 2 ** 32 }], says: /uid 4294967296 is out of range/ },
};

/** What a failed pull must not have changed. */
async function recordsOf(daemon: Longshore): Promise<string[]> {
  const listed = [["images", "ls", "-q"], ["snapshots", "ls"], ["content", "active"], ["leases", "ls", "-q"]];
  const outputs = await Promise.all(listed.map((args) => daemon.ctr(args)));
  return outputs.map(({ stdout }) => stdout);
}

const pull = (daemon: Longshore, reference: string) =>
  daemon.ctr(["images", "pull", "--plain-http", reference]);

async function refused(daemon: Longshore, reference: string, says: RegExp): Promise<void> {
  const before = await recordsOf(daemon);
  const { code, stderr } = await pull(daemon, reference);
  assert.equal(code, 1, stderr);
  const said = stderr.split("\n").filter((line) => line.startsWith("ctr: "));
  assert.equal(said.length, 1, stderr);
  assert.match(said[0]!, says);
  assert.ok(said[0]!.includes(reference), stderr);
  assert.deepEqual(await recordsOf(daemon), before);
}

Deno.test("a registry that is bad costs one clear line, and when it is well again the pull works", async (t) => {
  await using daemon = await startLongshore({ where: "shm" });
  for (const [what, { answers, says }] of Object.entries(registries)) {
    await t.step(what, async () => {
      let ill = true;
      await using server = serve(
        smallImage(),
        (seen, image) => ill ? answers(seen, image) : honest(seen, image),
      );
      await refused(daemon, server.reference, says);
      ill = false;
      const { code, stderr } = await pull(daemon, server.reference);
      assert.equal(code, 0, stderr);
      assert.equal((await daemon.ctr(["images", "rm", "--sync", server.reference])).code, 0);
    });
  }
});

Deno.test("a layer that is bad is refused or kept inside, and touches nothing outside its snapshot", async (t) => {
  await using daemon = await startLongshore({ where: "shm" });
  await using scratch = await Scratch.make("shm");
  const outside = scratch.join("outside");
  await Deno.mkdir(outside);
  await Deno.writeTextFile(`${outside}/kept`, "kept");
  for (const [what, { items, says }] of Object.entries(layers)) {
    await t.step(what, async () => {
      const damage = what.includes("truncated") ? (layer: Small["layer"]) => layer.slice(0, -9) : undefined;
      await using server = serve(smallImage({ tar: makeTar(items(outside)), damage }));
      if (says) await refused(daemon, server.reference, says);
      else assert.equal((await pull(daemon, server.reference)).code, 0);
      assert.deepEqual((await Array.fromAsync(Deno.readDir(outside))).map(({ name }) => name), ["kept"]);
      assert.equal((await Deno.stat(`${outside}/kept`)).nlink, 1);
      assert.equal(await Deno.stat("/outside").catch(() => undefined), undefined);
    });
  }
});
