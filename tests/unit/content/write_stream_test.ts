import assert from "node:assert/strict";
import fc from "fast-check";
import { ContentDefinition, WriteAction } from "../../../lib/api/services/content/v1/content.ts";
import type {
  WriteContentRequest,
  WriteContentResponse,
} from "../../../lib/api/services/content/v1/content.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { localChannel } from "../../../lib/rpc/local.ts";
import { contentService } from "../../../lib/services/mod.ts";
import { sha256 } from "./sha256.ts";
import { Fixture } from "./store.ts";

type Request = Partial<WriteContentRequest>;
const { STAT, WRITE, COMMIT } = WriteAction;
const bytes = (text: string) => new TextEncoder().encode(text);
const fails = (code: Code) => (error: unknown) => isError(error, code);

/** The content service over a store of its own. */
function stub(t: Fixture, namespace = "stream") {
  return localChannel([contentService(t.store, () => {})]).stub(ContentDefinition, { namespace });
}

/** Sends requests one by one and gives all answers. */
function write(t: Fixture, requests: Request[], namespace?: string): Promise<WriteContentResponse[]> {
  async function* sent() {
    yield* requests;
  }
  return Array.fromAsync(stub(t, namespace).write(sent()));
}

Deno.test("a stream writes, tells what is there by now, and commits", async () => {
  await using t = await Fixture.open();
  const expected = sha256("hello");
  const answers = await write(t, [
    { action: STAT, ref: "r", total: 5n, expected },
    { action: WRITE, data: bytes("hel") },
    { action: WRITE, offset: 3n, data: bytes("l") },
    { action: COMMIT, offset: 4n, data: bytes("o"), labels: { a: "b" } },
  ]);
  assert.deepEqual(
    answers.map(({ action, offset, total, digest }) => [action, offset, total, digest]),
    [[STAT, 0n, 5n, sha256("")], [WRITE, 3n, 5n, sha256("hel")], [WRITE, 4n, 5n, sha256("hell")], [
      COMMIT,
      5n,
      5n,
      expected,
    ]],
  );
  assert.deepEqual(t.store.info({ namespace: "stream" }, expected).labels, { a: "b" });
});

Deno.test("a stream ends with its commit", async () => {
  await using t = await Fixture.open();
  const answers = await write(t, [
    { action: COMMIT, ref: "r", data: bytes("all") },
    { action: WRITE, offset: 3n, data: bytes("more") },
  ]);
  assert.deepEqual(answers.map(({ digest }) => digest), [sha256("all")]);
});

Deno.test("bytes at offset 0 begin anew, elsewhere they must come where the last ones ended", async () => {
  await using t = await Fixture.open();
  await write(t, [{ action: WRITE, ref: "r", data: bytes("wrong") }]);
  for (const offset of [1n, 6n, -1n]) {
    const gap = write(t, [{ action: WRITE, ref: "r", offset, data: bytes("x") }]);
    await assert.rejects(gap, fails(Code.OutOfRange));
  }
  const [, done] = await write(t, [
    { action: WRITE, ref: "r", data: bytes("rig") },
    { action: COMMIT, ref: "r", offset: 3n, data: bytes("ht") },
  ]);
  assert.equal(done!.digest, sha256("right"));
});

Deno.test("bytes past the announced size are refused and not kept", async () => {
  await using t = await Fixture.open();
  const long = write(t, [{ action: WRITE, ref: "r", total: 2n, data: bytes("abc") }]);
  await assert.rejects(long, fails(Code.OutOfRange));
  assert.equal((await stub(t).status({ ref: "r" })).status!.offset, 0n);
});

Deno.test("a stream that contradicts itself or names nothing is refused", async () => {
  await using t = await Fixture.open();
  const first = { action: WRITE, ref: "r", total: 5n, expected: sha256("hello"), data: bytes("he") };
  const bad: Request[][] = [
    [{ action: STAT }],
    [{ action: STAT, ref: "r", total: -1n }],
    [{ action: STAT, ref: "r", expected: "sha256:zz" }],
    [first, { action: WRITE, offset: 2n, total: 6n, data: bytes("l") }],
    [first, { action: WRITE, offset: 2n, expected: sha256("other"), data: bytes("l") }],
  ];
  for (const requests of bad) await assert.rejects(write(t, requests), fails(Code.InvalidArgument));
});

Deno.test("a ref that was used for another blob starts anew", async () => {
  await using t = await Fixture.open();
  await write(t, [{ action: WRITE, ref: "r", total: 5n, expected: sha256("hello"), data: bytes("he") }]);
  const [same] = await write(t, [{ action: STAT, ref: "r", expected: sha256("hello") }]);
  assert.deepEqual([same!.offset, same!.total], [2n, 5n]);
  const [other] = await write(t, [{ action: STAT, ref: "r", total: 6n, expected: sha256("others") }]);
  assert.deepEqual([other!.offset, other!.total], [0n, 6n]);
});

Deno.test("a blob of another namespace is there at once, and may still be written", async () => {
  await using t = await Fixture.open();
  const expected = await t.put("first", "shared");
  const [stat, done] = await write(t, [{ action: STAT, ref: "r", expected }, { action: COMMIT, offset: 6n }]);
  assert.deepEqual([stat!.offset, done!.digest], [6n, expected]);
  const more = [{ action: WRITE, ref: "r", offset: 6n, expected, data: bytes("x") }];
  await assert.rejects(write(t, more, "second"), fails(Code.OutOfRange));
  const whole = [{ action: COMMIT, ref: "r", total: 6n, expected, data: bytes("shared") }];
  assert.equal((await write(t, whole, "second"))[0]!.digest, expected);
  const wrong = [{ action: COMMIT, ref: "r", expected, data: bytes("forged") }];
  await assert.rejects(write(t, wrong, "third"), fails(Code.FailedPrecondition));
});

Deno.test("what is no digest is InvalidArgument, a digest without a blob NotFound", async () => {
  await using t = await Fixture.open();
  const content = stub(t);
  const calls = [
    (digest: string) => content.info({ digest }),
    (digest: string) => content.delete({ digest }),
    (digest: string) => Array.fromAsync(content.read({ digest })),
  ];
  for (const call of calls) {
    await assert.rejects(async () => await call("../x"), fails(Code.InvalidArgument));
    await assert.rejects(async () => await call(sha256("none")), fails(Code.NotFound));
  }
});

Deno.test("a blob that is written twice is announced once", async () => {
  await using t = await Fixture.open();
  await write(t, [{ action: COMMIT, ref: "one", data: bytes("same") }]);
  await assert.rejects(
    write(t, [{ action: COMMIT, ref: "two", data: bytes("same") }]),
    fails(Code.AlreadyExists),
  );
  assert.deepEqual(t.events, ["/content/create"]);
});

/** One message at an offset that fits (`right`), is 0, or is somewhere. */
const message = fc.record({
  commit: fc.boolean(),
  text: fc.string({ unit: "binary-ascii", maxLength: 8 }),
  at: fc.oneof(fc.constant("right" as const), fc.constant(0), fc.nat(12)),
});
const streams = fc.array(fc.array(message, { minLength: 1, maxLength: 5 }), { maxLength: 6 });

Deno.test("streams with any offsets leave the bytes that a model of them says", async () => {
  await fc.assert(
    fc.asyncProperty(streams, async (all) => {
      await using t = await Fixture.open();
      let there = "";
      const blobs = new Set<string>();
      for (const stream of all) {
        const requests: Request[] = [];
        let outcome: Code | "fine" = "fine";
        for (const { commit, text, at } of stream) {
          const offset = at === "right" ? there.length : at;
          requests.push({
            action: commit ? COMMIT : WRITE,
            ref: "r",
            offset: BigInt(offset),
            data: bytes(text),
          });
          if (offset === 0 && text) there = "";
          if ((offset > 0 || text) && offset !== there.length) outcome = Code.OutOfRange;
          else there += text;
          if (outcome === "fine" && commit) {
            if (blobs.has(there)) outcome = Code.AlreadyExists;
            blobs.add(there);
            there = "";
          }
          if (outcome !== "fine" || commit) break;
        }
        const sent = write(t, requests);
        if (outcome === "fine") await sent;
        else await assert.rejects(sent, fails(outcome));
      }
      assert.deepEqual(t.files("blobs/sha256"), [...blobs].map((text) => sha256(text).slice(7)).sort());
      const [status] = await t.store.statuses({ namespace: "stream" });
      assert.equal(Number(status?.offset ?? 0n), there.length);
    }),
    { numRuns: 80, seed: 11 },
  );
});
