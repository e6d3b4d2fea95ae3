import assert from "node:assert/strict";
import { Code, isError } from "../../../lib/errors.ts";
import { LeaseStore } from "../../../lib/metadata/mod.ts";
import { Fixture } from "./store.ts";
import { sha256 } from "./sha256.ts";

const a = { namespace: "a-space" };
const b = { namespace: "b-space" };
const bytes = (text: string) => new TextEncoder().encode(text);
const fails = (code: Code) => (error: unknown) => isError(error, code);

async function text(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  let all = "";
  for await (const chunk of chunks) all += new TextDecoder().decode(chunk);
  return all;
}

Deno.test("a blob is written, read whole and in part, and is a read-only file named by its digest", async () => {
  await using t = await Fixture.open();
  const digest = await t.put("a-space", "hello world");
  assert.equal(await text(t.store.read(a, digest)), "hello world");
  assert.equal(await text(t.store.read(a, digest, { offset: 6, size: 3 })), "wor");
  assert.equal(await text(t.store.read(a, digest, { offset: 11 })), "");
  await assert.rejects(text(t.store.read(a, digest, { offset: 12 })), fails(Code.OutOfRange));
  assert.equal(Deno.statSync(t.store.path(a, digest)).mode! & 0o777, 0o444);
  assert.deepEqual(t.files("ingest"), []);
  await assert.rejects(t.store.readAll(a, digest, 5), fails(Code.ResourceExhausted));
});

Deno.test("a write goes on where it stopped, also after a restart, and is hashed from its beginning", async () => {
  await using t = await Fixture.open();
  const expected = sha256("first second");
  {
    await using writer = await t.store.writer(a, "ref", { expected, total: 12 });
    await writer.write(bytes("first "));
  }
  await t.reopen();
  const status = await t.store.status(a, "ref");
  assert.deepEqual([status.offset, status.total, status.expected], [6n, 12n, expected]);
  await using writer = await t.store.writer(a, "ref", { expected });
  assert.equal(writer.offset, 6);
  await writer.write(bytes("second"));
  assert.equal((await writer.commit({ size: 12 })).digest, expected);
  assert.deepEqual(await t.store.statuses(a), []);
});

Deno.test("a ref has one writer at a time", async () => {
  await using t = await Fixture.open();
  const writer = await t.store.writer(a, "ref");
  await assert.rejects(t.store.writer(a, "ref"), fails(Code.Unavailable));
  await assert.rejects(t.store.abort(a, "ref"), fails(Code.Unavailable));
  await using other = await t.store.writer(b, "ref");
  assert.equal(other.offset, 0);
  await writer.close();
  await t.store.abort(a, "ref");
  await assert.rejects(t.store.status(a, "ref"), fails(Code.NotFound));
});

Deno.test("CVE-2024-24557: a wrong size or digest is refused in containerd's words and names no blob", async () => {
  await using t = await Fixture.open();
  await using writer = await t.store.writer(a, "ref");
  await writer.write(bytes("abc"));
  await assert.rejects(
    writer.commit({ size: 4 }),
    /"ref" failed size validation: 3 != 4: failed precondition/,
  );
  const wrong = sha256("abd");
  await assert.rejects(
    writer.commit({ expected: wrong }),
    /unexpected commit digest sha256:ba78.*, expected sha256:/,
  );
  assert.equal((await t.store.status(a, "ref")).offset, 3n);
  assert.deepEqual(t.files("blobs/sha256"), []);
  assert.equal((await writer.commit({ size: 3 })).digest, sha256("abc"));
});

Deno.test("what a namespace has already is AlreadyExists, at the start of a write and at its end", async () => {
  await using t = await Fixture.open();
  await using late = await t.store.writer(a, "late");
  await late.write(bytes("same"));
  const digest = await t.put("a-space", "same");
  await assert.rejects(late.commit(), fails(Code.AlreadyExists));
  await assert.rejects(t.store.writer(a, "later", { expected: digest }), fails(Code.AlreadyExists));
  assert.deepEqual(t.files("ingest"), []);
});

Deno.test("namespaces share bytes, not names, labels or deletions", async () => {
  await using t = await Fixture.open();
  const digest = await t.put("a-space", "shared", { colour: "blue" });
  assert.throws(() => t.store.info(b, digest), fails(Code.NotFound));
  await using writer = await t.store.writer(b, "ref", { expected: digest, total: 6 });
  assert.equal(writer.offset, 6);
  await writer.commit({ size: 6 });
  assert.deepEqual(t.store.info(b, digest).labels, {});
  await t.store.delete(a, digest);
  await t.store.sweep();
  assert.equal(await text(t.store.read(b, digest)), "shared");
  await t.store.delete(b, digest);
  await t.store.sweep();
  assert.deepEqual(t.files("blobs/sha256"), []);
});

Deno.test("shared bytes that go before the commit are an error, not a record of nothing", async () => {
  await using t = await Fixture.open();
  const digest = await t.put("a-space", "fleeting");
  await using writer = await t.store.writer(b, "ref", { expected: digest });
  await t.store.delete(a, digest);
  await t.store.sweep();
  await assert.rejects(writer.commit(), fails(Code.Unavailable));
  assert.throws(() => t.store.info(b, digest), fails(Code.NotFound));
});

Deno.test("a lease holds ingests and blobs; one that isn't there is an error", async () => {
  await using t = await Fixture.open();
  const leases = new LeaseStore(t.db);
  await leases.create(a, { id: "l", labels: {} });
  const scope = { ...a, lease: "l" };
  await using writer = await t.store.writer(scope, "ref");
  assert.deepEqual(leases.resources(a, "l"), [{ id: "ref", type: "ingests" }]);
  await writer.write(bytes("x"));
  const { digest } = await writer.commit();
  assert.deepEqual(leases.resources(a, "l"), [{ id: digest, type: "content" }]);
  await assert.rejects(t.store.writer({ ...a, lease: "none" }, "other"), fails(Code.NotFound));
  await using again = await t.store.writer(a, "other");
  assert.equal(again.offset, 0);
});

Deno.test("digests and refs that could lead elsewhere are refused or harmless", async () => {
  await using t = await Fixture.open();
  for (
    const digest of [
      "",
      "sha256:../../x",
      "sha256:ABC",
      "md5:" + "0".repeat(32),
      "../etc/passwd",
      "sha256:" + "0".repeat(63),
    ]
  ) {
    await assert.rejects(t.store.writer(a, "ref", { expected: digest || "x" }), fails(Code.InvalidArgument));
    assert.throws(() => t.store.path(a, digest));
  }
  for (const ref of ["../../escape", "/abs", "a\nb", "x".repeat(1500)]) {
    await using writer = await t.store.writer(a, ref);
    await writer.write(bytes(ref.slice(0, 10)));
    await writer.commit();
  }
  assert.equal(t.files("blobs/sha256").length, 4);
  await assert.rejects(t.store.writer(a, ""), fails(Code.InvalidArgument));
});

Deno.test("a blob may be named by sha512", async () => {
  await using t = await Fixture.open();
  const { createHash } = await import("node:crypto");
  const expected = "sha512:" + createHash("sha512").update("long").digest("hex");
  await using writer = await t.store.writer(a, "ref", { expected });
  await writer.write(bytes("long"));
  assert.equal((await writer.commit()).digest, expected);
  assert.equal(await text(t.store.read(a, expected)), "long");
});

Deno.test("labels are updated by paths and listed by filters", async () => {
  await using t = await Fixture.open();
  const digest = await t.put("a-space", "labelled", { one: "1", two: "2" });
  await t.put("a-space", "other");
  await t.store.update(a, { digest, labels: { two: "", three: "3" } }, ["labels.two", "labels.three"]);
  assert.deepEqual(t.store.info(a, digest).labels, { one: "1", three: "3" });
  assert.deepEqual(t.store.list(a, ["labels.three==3"]).map((info) => info.digest), [digest]);
  assert.equal(t.store.list(a, ["digest~=sha256"]).length, 2);
  await assert.rejects(t.store.update(a, { digest, labels: {} }, ["size"]), fails(Code.InvalidArgument));
  await assert.rejects(
    t.store.update(a, { digest, labels: { k: "v".repeat(5000) } }),
    fails(Code.InvalidArgument),
  );
});

Deno.test("a sweep removes what has no record, and never what is being written or committed", async () => {
  await using t = await Fixture.open();
  await Deno.writeTextFile(`${t.dir}/content/blobs/sha256/${sha256("orphan").slice(7)}`, "orphan");
  await Deno.mkdir(`${t.dir}/content/ingest/left-over`);
  await using open = await t.store.writer(a, "open");
  await open.write(bytes("still coming"));
  const commits = Array.from({ length: 50 }, (_, n) => t.put("a-space", `blob ${n}`));
  await Promise.all([...Array.from({ length: 20 }, () => t.store.sweep()), ...commits]);
  for (const digest of await Promise.all(commits)) assert.ok(Deno.statSync(t.store.path(a, digest)).isFile);
  await t.store.sweep();
  assert.equal(t.files("blobs/sha256").length, 50);
  assert.equal(t.files("ingest").length, 1);
  await open.commit();
});
