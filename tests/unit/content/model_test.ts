import assert from "node:assert/strict";
import fc from "fast-check";
import { Code, isError } from "../../../lib/errors.ts";
import type { ContentWriter } from "../../../lib/metadata/mod.ts";
import { Fixture } from "./store.ts";
import { sha256 } from "./sha256.ts";

const scope = { namespace: "model" };

type Step =
  | { kind: "write"; ref: number; text: string }
  | { kind: "commit" | "abort" | "close"; ref: number }
  | { kind: "delete"; blob: number }
  | { kind: "reopen" };

const ref = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("write" as const), ref, text: fc.string({ maxLength: 20 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("commit" as const, "abort" as const, "close" as const),
      ref,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const), blob: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "reopen" as const }) },
);

/** Applies steps to a store and to a model of it: what each ref holds so far, and which blobs there are. */
class Model {
  readonly #t: Fixture;
  readonly #open = new Map<number, ContentWriter>();
  readonly ingests = new Map<number, string>();
  readonly blobs = new Set<string>();

  constructor(t: Fixture) {
    this.#t = t;
  }

  async apply(step: Step): Promise<void> {
    if (step.kind === "reopen") {
      for (const ref of [...this.#open.keys()]) await this.#close(ref);
      await this.#t.reopen();
    } else if (step.kind === "delete") {
      const digest = [...this.blobs][step.blob];
      if (!digest) return;
      await this.#t.store.delete(scope, digest);
      this.blobs.delete(digest);
    } else if (step.kind === "abort") {
      await this.#close(step.ref);
      const aborted = this.#t.store.abort(scope, `ref-${step.ref}`);
      if (this.ingests.delete(step.ref)) await aborted;
      else await assert.rejects(aborted, (error) => isError(error, Code.NotFound));
    } else if (step.kind === "close") await this.#close(step.ref);
    else if (step.kind === "write") await this.#write(step.ref, step.text);
    else await this.#commit(step.ref);
  }

  async #writer(ref: number): Promise<ContentWriter> {
    const writer = this.#open.get(ref) ?? await this.#t.store.writer(scope, `ref-${ref}`);
    this.#open.set(ref, writer);
    if (!this.ingests.has(ref)) this.ingests.set(ref, "");
    return writer;
  }

  async #write(ref: number, text: string): Promise<void> {
    const writer = await this.#writer(ref);
    await writer.write(new TextEncoder().encode(text));
    this.ingests.set(ref, this.ingests.get(ref)! + text);
    assert.equal(writer.offset, new TextEncoder().encode(this.ingests.get(ref)).length);
  }

  async #commit(ref: number): Promise<void> {
    const writer = await this.#writer(ref);
    const digest = sha256(this.ingests.get(ref)!);
    const committed = writer.commit();
    if (this.blobs.has(digest)) {
      await assert.rejects(committed, (error) => isError(error, Code.AlreadyExists));
    } else assert.equal((await committed).digest, digest);
    this.blobs.add(digest);
    this.ingests.delete(ref);
    this.#open.delete(ref);
  }

  async #close(ref: number): Promise<void> {
    await this.#open.get(ref)?.close();
    this.#open.delete(ref);
  }

  async end(): Promise<void> {
    for (const ref of [...this.#open.keys()]) await this.#close(ref);
  }
}

Deno.test("any sequence of writes, commits, aborts, deletions and restarts leaves what a model of it says", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      await using t = await Fixture.open();
      const model = new Model(t);
      for (const one of steps) await model.apply(one);
      await model.end();
      await t.store.sweep();
      assert.deepEqual(t.store.list(scope).map(({ digest }) => digest).sort(), [...model.blobs].sort());
      assert.deepEqual(t.files("blobs/sha256"), [...model.blobs].map((digest) => digest.slice(7)).sort());
      const statuses = await t.store.statuses(scope);
      const expected = [...model.ingests].map((
        [ref, text],
      ) => [`ref-${ref}`, BigInt(new TextEncoder().encode(text).length)]);
      assert.deepEqual(statuses.map(({ ref, offset }) => [ref, offset]).sort(), expected.sort());
    }),
    { numRuns: 60, seed: 7 },
  );
});
