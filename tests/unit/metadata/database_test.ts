import assert from "node:assert/strict";
import { Code, isError } from "../../../lib/errors.ts";
import { json, table } from "../../../lib/metadata/database.ts";
import type { Database } from "../../../lib/metadata/mod.ts";
import { scratch } from "./scratch.ts";

const texts = table<string>("texts", json<string>());
const numbers = table<number>("numbers", json<number>());
const keys = (db: Database, ...prefix: string[]) => db.list(texts, prefix).map(([key]) => key.join("/"));

Deno.test("a record is there after reopening when the write was acknowledged", async () => {
  await using s = await scratch();
  await s.db.write((tx) => tx.put(texts, ["a", "b"], "x"));
  assert.equal((await s.reopen()).get(texts, ["a", "b"]), "x");
});

Deno.test("a list has whole key parts only, in order", async () => {
  await using s = await scratch();
  await s.db.write((tx) => {
    for (const key of [["b", "1"], ["a", "2"], ["ab", "1"], ["a", "10"], ["a", "1"]]) tx.put(texts, key, "x");
  });
  assert.deepEqual(keys(s.db, "a"), ["a/1", "a/10", "a/2"]);
  assert.deepEqual(keys(s.db), ["a/1", "a/10", "a/2", "ab/1", "b/1"]);
  await s.reopen();
  assert.deepEqual(keys(s.db), ["a/1", "a/10", "a/2", "ab/1", "b/1"]);
});

Deno.test("a transaction sees its own writes and leaves nothing when it throws", async () => {
  await using s = await scratch();
  await s.db.write((tx) => tx.put(texts, ["a", "1"], "old"));
  await assert.rejects(
    s.db.write((tx) => {
      tx.put(texts, ["a", "0"], "new");
      tx.delete(texts, ["a", "1"]);
      assert.deepEqual(tx.list(texts, ["a"]), [[["a", "0"], "new"]]);
      assert.equal(tx.has(texts, ["a", "1"]), false);
      throw new Error("no");
    }),
    /no/,
  );
  assert.deepEqual(keys(s.db), ["a/1"]);
  await s.reopen();
  assert.deepEqual(keys(s.db), ["a/1"]);
});

Deno.test("a hundred concurrent writers lose no change, and one that throws harms no other", async () => {
  await using s = await scratch();
  await s.db.write((tx) => tx.put(numbers, ["n"], 0));
  const writers = Array.from({ length: 100 }, (_, i) =>
    s.db.write((tx) => {
      tx.put(numbers, ["n"], tx.get(numbers, ["n"])! + 1);
      if (i % 10 === 3) throw new Error("no");
    }));
  const results = await Promise.allSettled(writers);
  assert.equal(results.filter(({ status }) => status === "rejected").length, 10);
  assert.equal(s.db.get(numbers, ["n"]), 90);
  assert.equal((await s.reopen()).get(numbers, ["n"]), 90);
});

Deno.test("a record of 200 KiB is split, shrinks again and goes without a trace", async () => {
  await using s = await scratch();
  const long = "ä".repeat(100 << 10);
  await s.db.write((tx) => tx.put(texts, ["a"], long));
  await s.db.write((tx) => tx.put(texts, ["a", "b"], long + "b"));
  await s.reopen();
  assert.equal(s.db.get(texts, ["a"]), long);
  assert.equal(s.db.get(texts, ["a", "b"]), long + "b");
  await s.db.write((tx) => tx.put(texts, ["a"], "short"));
  await s.db.write((tx) => tx.delete(texts, ["a", "b"]));
  await s.reopen();
  assert.deepEqual(s.db.list(texts), [[["a"], "short"]]);
  await s.db.close();
  using kv = await Deno.openKv(s.path);
  const left: Deno.KvKey[] = [];
  for await (const { key } of kv.list({ prefix: [] })) left.push(key);
  assert.deepEqual(left, [["meta", "made"], ["r", "texts", "a"]]);
});

Deno.test("a transaction beyond what KV commits at once happens wholly", async () => {
  await using s = await scratch();
  const long = "x".repeat(3 << 20);
  await s.db.write((tx) => {
    tx.put(texts, ["long"], long);
    for (let n = 0; n < 5000; n++) tx.put(texts, ["many", `${n}`.padStart(100, "0")], `${n}`);
  });
  await s.reopen();
  assert.equal(s.db.get(texts, ["long"]), long);
  assert.equal(s.db.list(texts, ["many"]).length, 5000);
  await s.db.write((tx) => {
    for (const [key] of tx.list(texts)) tx.delete(texts, key);
  });
  assert.deepEqual((await s.reopen()).list(texts), []);
});

Deno.test("a journal that a crash left is completed when valid and dropped when not", async () => {
  await using s = await scratch();
  for (const valid of [false, true]) {
    await s.db.close();
    const kv = await Deno.openKv(s.path);
    const bytes = new TextEncoder().encode(`"from the journal"`);
    await kv.set(["j", 0], { key: ["r", "texts", "a"], value: bytes });
    await kv.set(["j", 1], { key: ["r", "texts", "stale"], value: bytes });
    if (valid) await kv.set(["valid"], 1);
    kv.close();
    await s.reopen();
    assert.deepEqual(s.db.list(texts), valid ? [[["a"], "from the journal"]] : []);
  }
  await s.db.close();
  using kv = await Deno.openKv(s.path);
  assert.equal((await Array.fromAsync(kv.list({ prefix: ["j"] }))).length, 0);
});

Deno.test("an unreadable record is named, stops nothing else, and can be deleted", async () => {
  await using s = await scratch();
  await s.db.write((tx) => tx.put(texts, ["a", "good"], "x"));
  await s.db.close();
  const kv = await Deno.openKv(s.path);
  await kv.set(["r", "texts", "a", "bad"], new TextEncoder().encode("{"));
  await kv.set(["r", "texts", "b", "torn"], [2, new TextEncoder().encode(`"x"`)]);
  kv.close();
  await s.reopen();
  const named = (name: string) => (error: unknown) =>
    isError(error, Code.DataLoss) && error.message.includes(`texts/${name}`);
  assert.throws(() => s.db.get(texts, ["a", "bad"]), named("a/bad"));
  assert.throws(() => s.db.list(texts, ["a"]), named("a/bad"));
  assert.throws(() => s.db.get(texts, ["b", "torn"]), named("b/torn"));
  assert.equal(s.db.get(texts, ["a", "good"]), "x");
  await s.db.write((tx) => tx.delete(texts, ["a", "bad"]));
  assert.deepEqual(keys(s.db, "a"), ["a/good"]);
});

Deno.test("records are frozen and no copy of what was put", async () => {
  await using s = await scratch();
  const lists = table<{ list: string[] }>("lists", json<{ list: string[] }>());
  const record = { list: ["a"] };
  await s.db.write((tx) => tx.put(lists, ["x"], record));
  record.list.push("b");
  assert.deepEqual(s.db.get(lists, ["x"]), { list: ["a"] });
  assert.throws(() => s.db.get(lists, ["x"])!.list.push("c"), TypeError);
});

Deno.test("names that KV can't hold are refused with their size", async () => {
  await using s = await scratch();
  const put = (name: string) => s.db.write((tx) => tx.put(texts, [name], "x"));
  await assert.rejects(put("x".repeat(2000)), /texts name is too long: 2002 bytes.*invalid argument$/);
  await assert.rejects(put("a\0b"), /holds a NUL: invalid argument$/);
  await put("x".repeat(1890));
});

Deno.test("a transaction that leaked out of its function is dead", async () => {
  await using s = await scratch();
  const leaked = await s.db.write((tx) => tx);
  assert.throws(() => leaked.put(texts, ["a"], "x"), /the transaction is over/);
});

Deno.test("what was acknowledged is there after kill -9", async () => {
  await using s = await scratch();
  await s.db.close();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--unstable-kv", new URL("killed_writer.ts", import.meta.url).pathname, s.path],
    stdout: "piped",
  }).spawn();
  let told = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    told += text;
    if (told.split("\n").length > 200) child.kill("SIGKILL");
  }
  assert.equal((await child.status).signal, "SIGKILL");
  const acknowledged = told.slice(0, told.lastIndexOf("\n")).split("\n");
  await s.reopen();
  for (const name of acknowledged) assert.ok(s.db.has(texts, ["n", name]), `record ${name} is lost`);
});
