import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Code, type CtrError } from "../../../lib/errors.ts";
import { type Descriptor, parsePlatform } from "../../../lib/images/mod.ts";
import { planPush } from "../../../lib/push/plan.ts";
import { type Node, type PushContent, type Registry, sourcesOf, Trees } from "../../../lib/push/tree.ts";
import { parseReference } from "../../../lib/remotes/mod.ts";

const OCI = "application/vnd.oci.image";
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

type Entry = Pick<Descriptor, "mediaType" | "digest" | "size"> & Record<string, unknown>;

/** Content, and a registry that has some of it. */
class World implements PushContent {
  readonly here = new Map<string, Uint8Array>();
  readonly there = new Set<string>();
  readonly mounts: string[] = [];
  readonly known: Record<string, string> = {};
  readonly registry: Registry = {
    reference: parseReference("example.org/team/app:1"),
    hasManifest: ({ digest }) => Promise.resolve(this.there.has(digest)),
    hasBlob: ({ digest }) => Promise.resolve(this.there.has(digest)),
    mountBlob: ({ digest }, from) => Promise.resolve(this.mounts.includes(`${from} ${digest}`)),
  };

  put(mediaType: string, document: unknown): Entry {
    const bytes = encode(document);
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    this.here.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  image(architecture: string, layerType = `${OCI}.layer.v1.tar+gzip`) {
    const layer = this.put(layerType, `layer of ${architecture} ${layerType}`);
    const config = this.put(`${OCI}.config.v1+json`, { os: "linux", architecture });
    const mediaType = `${OCI}.manifest.v1+json`;
    const manifest = this.put(mediaType, { schemaVersion: 2, mediaType, config, layers: [layer] });
    return {
      ...manifest,
      platform: { os: "linux", architecture },
      layer: layer.digest,
      config: config.digest,
    };
  }

  index(...manifests: Entry[]): Entry {
    const mediaType = `${OCI}.index.v1+json`;
    const entries = manifests.map(({ layer: _layer, config: _config, ...entry }) => entry);
    return this.put(mediaType, { schemaVersion: 2, mediaType, manifests: entries, annotations: { a: "b" } });
  }

  labels = (digest: string) => Promise.resolve(this.here.has(digest) ? this.known : undefined);
  readAll = (digest: string) => Promise.resolve(this.here.get(digest)!);
  read = async function* () {};

  tree({ mediaType, digest, size }: Entry, foreign = false): Promise<Node> {
    return new Trees(this, this.registry, { foreign }).read({ mediaType, digest, size, annotations: {} });
  }
}

const none = { platforms: [], all: false };
const names = (nodes: readonly Node[]) => nodes.map(({ platform }) => platform?.architecture);
const thrownBy = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return error as CtrError;
  }
  throw new Error("nothing was thrown");
};

Deno.test("an image that is all here is pushed as it is", async () => {
  const world = new World();
  const index = world.index(world.image("amd64"), world.image("arm64"));
  const { root, skipped } = planPush(await world.tree(index), "app:1", none);
  assert.equal(root.target.digest, index.digest);
  assert.deepEqual(root.bytes, world.here.get(index.digest));
  assert.deepEqual(skipped, []);
});

Deno.test("an index in an index loses what isn't here at its own place", async () => {
  const world = new World();
  const [amd64, arm64, s390x] = ["amd64", "arm64", "s390x"].map((name) => world.image(name));
  const inner = world.index(amd64!, arm64!, s390x!);
  const index = world.index(inner, world.image("riscv64"));
  world.here.delete(s390x!.layer);
  const { root, skipped } = planPush(await world.tree(index), "app:1", none);
  assert.deepEqual(names(skipped), ["s390x"]);
  const outer = JSON.parse(new TextDecoder().decode(root.bytes));
  assert.deepEqual(outer.annotations, { a: "b" });
  assert.equal(outer.manifests.length, 2);
  const [changed] = root.children;
  assert.equal(outer.manifests[0].digest, changed!.target.digest);
  assert.notEqual(changed!.target.digest, inner.digest);
  assert.equal(outer.manifests[0].size, changed!.bytes!.length);
  assert.deepEqual(names(changed!.children), ["amd64", "arm64"]);
});

Deno.test("of an asked-for platform what tells of it goes along, if it is here", async () => {
  const world = new World();
  const [amd64, arm64] = ["amd64", "arm64"].map((name) => world.image(name));
  const proof = (about: Entry, name: string) => ({
    ...world.image(name),
    platform: { os: "unknown", architecture: "unknown" },
    annotations: { "vnd.docker.reference.digest": about.digest },
  });
  const index = world.index(amd64!, arm64!, proof(amd64!, "one"), proof(arm64!, "two"));
  const wish = { platforms: [parsePlatform("linux/arm64")], all: false };
  const { root } = planPush(await world.tree(index), "app:1", wish);
  assert.deepEqual(names(root.children), ["arm64", "unknown"]);
});

Deno.test("layers that registries may not hold are left out unless they are asked for", async () => {
  const world = new World();
  const image = world.image("amd64", `${OCI}.layer.nondistributable.v1.tar+gzip`);
  world.here.delete(image.layer);
  const without = await world.tree(image);
  assert.deepEqual([without.missing, without.blobs.map(({ digest }) => digest)], [[], [image.config]]);
  const within = await world.tree(image, true);
  assert.deepEqual(within.missing, [`layer ${image.layer}`]);
});

Deno.test("what the registry has, or gives of another repository, isn't missing", async () => {
  const world = new World();
  const image = world.image("amd64");
  world.here.delete(image.layer);
  const error = thrownBy(() =>
    planPush({ ...absent(image), missing: [`layer ${image.layer}`] }, "app:1", none)
  );
  assert.equal(error.code, Code.NotFound);
  world.there.add(image.layer);
  assert.deepEqual((await world.tree(image)).missing, []);
  world.there.clear();
  world.known["containerd.io/distribution.source.example.org"] = "base,team/base";
  world.mounts.push(`base ${image.layer}`);
  assert.deepEqual((await world.tree(image)).missing, []);
});

const absent = ({ mediaType, digest, size }: Entry): Node => ({
  target: { mediaType, digest, size, annotations: {} },
  children: [],
  blobs: [],
  missing: [],
});

Deno.test("errors name the platform, what is missing and the command that fetches it", async () => {
  const world = new World();
  const [amd64, arm64] = ["amd64", "arm64"].map((name) => world.image(name));
  const index = world.index(amd64!, arm64!);
  for (const { layer } of [amd64!, arm64!]) world.here.delete(layer);
  const tree = await world.tree(index);
  const message = (wish: Parameters<typeof planPush>[2]) =>
    thrownBy(() => planPush(tree, "app:1", wish)).message;
  assert.equal(
    message(none),
    `app:1: linux/amd64 is not all here (layer ${amd64!.layer}), nor all of linux/arm64; ` +
      "fetch it with: ctr images pull --no-unpack --platform linux/amd64 app:1: not found",
  );
  assert.match(
    message({ platforms: [], all: true }),
    /fetch it with: ctr images pull --no-unpack --all-platforms app:1/,
  );
  const arm = { platforms: [parsePlatform("linux/arm64")], all: false };
  assert.match(
    message(arm),
    /linux\/arm64 is not all here .*ctr images pull --no-unpack --platform linux\/arm64 app:1/,
  );
  const mips = { platforms: [parsePlatform("linux/mips")], all: false };
  assert.match(message(mips), /app:1: no image for linux\/mips in it/);
});

Deno.test("an image that only the registry has can't be given another name", async () => {
  const world = new World();
  const [amd64, arm64] = ["amd64", "arm64"].map((name) => world.image(name));
  const index = world.index(amd64!, arm64!);
  world.there.add(amd64!.digest);
  world.here.delete(amd64!.digest);
  world.here.delete(arm64!.digest);
  const error = thrownBy(await world.tree(index).then((tree) => () => planPush(tree, "app:1", none)));
  assert.equal(error.code, Code.NotFound);
});

Deno.test("of the repositories that have a blob, those most like ours are asked for it", () => {
  const labels = {
    "containerd.io/distribution.source.example.org": "a/b,team/app,team/base,team/app/x,z",
    "containerd.io/distribution.source.other.org": "team/other",
  };
  const reference = parseReference("example.org/team/app:1");
  assert.deepEqual(sourcesOf({ reference }, labels), ["team/app/x", "team/base"]);
  assert.deepEqual(sourcesOf({ reference }, undefined), []);
});
