import assert from "node:assert/strict";
import { Container } from "../../../lib/api/services/containers/v1/containers.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { ContainerStore, ImageStore, LeaseStore, NamespaceStore } from "../../../lib/metadata/mod.ts";
import { complete } from "../../../lib/rpc/service.ts";
import { digestOf, imageOf, scratch } from "./scratch.ts";

const ns = { namespace: "one" };
const fails = (code: Code, message: string) => (error: unknown) => {
  assert.ok(isError(error, code), `${error}`);
  assert.equal(error.message, message);
  return true;
};
const containerOf = (part: Partial<Container> = {}) =>
  complete(Container, {
    id: "c",
    runtime: { name: "io.containerd.runc.v2", options: undefined },
    spec: { typeUrl: "spec", value: new Uint8Array([1]) },
    snapshotter: "overlayfs",
    snapshotKey: "c",
    ...part,
  });

Deno.test("images: create, update by paths, list, delete, with events and containerd's errors", async () => {
  await using s = await scratch();
  const store = new ImageStore(s.db, s.publisher);
  const created = await store.create(ns, imageOf("a", 1, { x: "1", dropped: "" }));
  assert.deepEqual(created.labels, { x: "1" });
  assert.deepEqual(created.createdAt, created.updatedAt);
  await assert.rejects(
    store.create(ns, imageOf("a")),
    fails(Code.AlreadyExists, `image "a": already exists`),
  );
  const updated = await store.update(ns, imageOf("a", 2, { y: "2" }), ["labels.y"]);
  assert.deepEqual([updated.labels, updated.target!.digest], [{ x: "1", y: "2" }, digestOf(1)]);
  assert.deepEqual(updated.createdAt, created.createdAt);
  assert.deepEqual((await store.update(ns, imageOf("a", 2, {}), ["labels.x"])).labels, { y: "2" });
  assert.equal((await store.update(ns, imageOf("a", 2), ["target"])).target!.digest, digestOf(2));
  assert.deepEqual((await store.update(ns, imageOf("a", 3, { z: "3" }))).labels, { z: "3" });
  await assert.rejects(
    store.update(ns, imageOf("a"), ["name"]),
    fails(Code.InvalidArgument, `cannot update "name" field on image "a": invalid argument`),
  );
  await assert.rejects(store.update(ns, imageOf("b")), fails(Code.NotFound, `image "b": not found`));
  assert.throws(() => store.get(ns, "b"), fails(Code.NotFound, `image "b": not found`));
  assert.throws(() => store.get({ namespace: "two" }, "a"), fails(Code.NotFound, `image "a": not found`));
  assert.deepEqual(store.list(ns, [`target.digest==${digestOf(3)},labels.z`]).map(({ name }) => name), ["a"]);
  assert.deepEqual(store.list(ns, ["labels.x"]), []);
  await assert.rejects(
    store.delete(ns, "a", { digest: digestOf(9) }),
    (error) => isError(error, Code.FailedPrecondition),
  );
  await store.delete(ns, "a", { digest: digestOf(3) });
  await assert.rejects(store.delete(ns, "a"), fails(Code.NotFound, `image "a": not found`));
  assert.deepEqual([...new Set(s.topics())], ["/images/create", "/images/update", "/images/delete"]);
});

Deno.test("images: what can't be is refused", async () => {
  await using s = await scratch();
  const store = new ImageStore(s.db, s.publisher);
  const refused = (image: ReturnType<typeof imageOf>, message: RegExp) =>
    assert.rejects(store.create(ns, image), (error) => {
      assert.ok(isError(error, Code.InvalidArgument));
      assert.match(error.message, message);
      return true;
    });
  await refused(imageOf(""), /image name must not be empty/);
  await refused(imageOf("a", 1, { k: "v".repeat(4096) }), /greater than maximum size \(4096 bytes\), key: k/);
  const target = imageOf("a").target!;
  await refused(
    { ...imageOf("a"), target: undefined },
    /Target.Digest "" invalid: invalid checksum digest format/,
  );
  await refused(
    { ...imageOf("a"), target: { ...target, digest: "sha256:ab" } },
    /invalid checksum digest length/,
  );
  await refused(
    { ...imageOf("a"), target: { ...target, size: 0n } },
    /Target.Size must be greater than zero/,
  );
  await refused({ ...imageOf("a"), target: { ...target, mediaType: "" } }, /Target.MediaType must be set/);
  await store.create(ns, imageOf("a", 1, { k: "v".repeat(4095) }));
  assert.throws(() => store.list({ namespace: "a/b" }), /namespace validation: identifier "a\/b" must match/);
});

Deno.test("containers: validation, immutable fields, update by paths", async () => {
  await using s = await scratch();
  const store = new ContainerStore(s.db, s.publisher);
  await store.create(ns, containerOf());
  await assert.rejects(
    store.create(ns, containerOf()),
    fails(Code.AlreadyExists, `container "c": already exists`),
  );
  const prefix = "create container failed validation: ";
  const refused: [Partial<Container>, string][] = [
    [{ id: "" }, "container.ID: identifier must not be empty"],
    [{ runtime: undefined }, "container.Runtime.Name must be set"],
    [{ spec: undefined }, "container.Spec must be set"],
    [{ snapshotter: "" }, "container.Snapshotter must be set if container.SnapshotKey is set"],
  ];
  for (const [part, message] of refused) {
    await assert.rejects(
      store.create(ns, containerOf(part)),
      fails(Code.InvalidArgument, `${prefix}${message}: invalid argument`),
    );
  }
  await assert.rejects(
    store.update(ns, containerOf({ snapshotter: "native" })),
    fails(Code.InvalidArgument, "container.Snapshotter field is immutable: invalid argument"),
  );
  await assert.rejects(
    store.update(ns, containerOf(), ["runtime"]),
    fails(Code.InvalidArgument, `cannot update "runtime" field on "c": invalid argument`),
  );
  const extension = { typeUrl: "t", value: new Uint8Array([7]) };
  const wanted = containerOf({ image: "i", labels: { a: "1" }, extensions: { e: extension } });
  const updated = await store.update(ns, wanted, ["image", "extensions.e"]);
  assert.deepEqual([updated.image, updated.labels, Object.keys(updated.extensions)], ["i", {}, ["e"]]);
  assert.deepEqual(Object.keys((await store.update(ns, containerOf(), ["extensions.e"])).extensions), []);
  assert.equal(store.list(ns, ["runtime.name==io.containerd.runc.v2,id==c,image==i"]).length, 1);
  assert.throws(
    () => store.get(ns, "d"),
    fails(Code.NotFound, `container "d" in namespace "one": not found`),
  );
  await store.delete(ns, "c");
  assert.deepEqual([...new Set(s.topics())], [
    "/containers/create",
    "/containers/update",
    "/containers/delete",
  ]);
});

Deno.test("namespaces: made by their first resource, deleted only when empty", async () => {
  await using s = await scratch();
  const store = new NamespaceStore(s.db, s.publisher);
  const images = new ImageStore(s.db, s.publisher);
  assert.deepEqual(store.get("none"), { name: "none", labels: {} });
  await images.create(ns, imageOf("a"));
  await new ContainerStore(s.db, s.publisher).create(ns, containerOf());
  assert.deepEqual(store.list(), [{ name: "one", labels: {} }]);
  await assert.rejects(
    store.create({ name: "one", labels: {} }),
    fails(Code.AlreadyExists, `namespace "one": already exists`),
  );
  await assert.rejects(
    store.delete("one"),
    fails(
      Code.FailedPrecondition,
      `namespace "one" must be empty, but it still has images, containers: failed precondition`,
    ),
  );
  await store.create({ name: "two", labels: { a: "1", b: "2" } });
  assert.deepEqual((await store.update({ name: "two", labels: {} }, ["labels.a"])).labels, { b: "2" });
  await new LeaseStore(s.db).create({ namespace: "two" }, { id: "l", labels: {} });
  await store.delete("two");
  assert.deepEqual(new LeaseStore(s.db).list({ namespace: "two" }), []);
  await assert.rejects(store.delete("two"), fails(Code.NotFound, `namespace "two": not found`));
});

Deno.test("leases: ids, resources and their types", async () => {
  await using s = await scratch();
  const store = new LeaseStore(s.db);
  assert.match((await store.create(ns, { id: "", labels: {} })).id, /^\d+-/);
  await store.create(ns, { id: "l", labels: { a: "b" } });
  await assert.rejects(
    store.create(ns, { id: "l", labels: {} }),
    fails(Code.AlreadyExists, `lease "l": already exists`),
  );
  const add = (type: string, id: string) => store.addResource(ns, "l", { type, id });
  await add("snapshots/overlayfs", "s");
  await add("content", digestOf(1));
  await add("ingests", "any ref");
  assert.deepEqual(store.resources(ns, "l").map(({ type }) => type), [
    "content",
    "ingests",
    "snapshots/overlayfs",
  ]);
  const refused: [string, string, string][] = [
    ["content", "x", "invalid content resource id x: invalid checksum digest format: invalid argument"],
    ["content/x", digestOf(1), "invalid resource type content/x: invalid argument"],
    ["snapshots", "s", "invalid snapshot resource type snapshots: invalid argument"],
  ];
  for (const [type, id, message] of refused) {
    await assert.rejects(add(type, id), fails(Code.InvalidArgument, message));
  }
  await assert.rejects(
    add("pets", "x"),
    fails(Code.Unimplemented, "resource type pets not supported yet: not implemented"),
  );
  await store.deleteResource(ns, "l", { type: "content", id: digestOf(1) });
  await store.deleteResource(ns, "l", { type: "content", id: digestOf(1) });
  assert.equal(store.resources(ns, "l").length, 2);
  assert.deepEqual(store.list(ns, ["labels.a==b"]).map(({ id }) => id), ["l"]);
  await store.delete(ns, "l");
  await assert.rejects(store.delete(ns, "l"), fails(Code.NotFound, `lease "l": not found`));
  assert.throws(() => store.resources(ns, "l"), fails(Code.NotFound, `lease "l": not found`));
});
