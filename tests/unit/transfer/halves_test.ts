import assert from "node:assert/strict";
import { Code, CtrError, isError } from "../../../lib/errors.ts";
import { joinHalves, loseHalf, shareLayer } from "../../../lib/transfer/halves.ts";
import { RingReader } from "../../../lib/transfer/ring.ts";
import { handing } from "../../../lib/transfer/shared_layer.ts";

const job = {
  source: { file: "/layer" },
  target: { dir: "/dir", form: "overlay" as const },
  mediaType: "",
};
const crash = new CtrError(Code.Internal, "layer worker crashed: out of memory");
const bytes = new Uint8Array(512);

Deno.test("a second half whose Worker died is a failure of the first", () => {
  const [first, second] = shareLayer(job);
  assert.deepEqual(second.unpack, job.target);
  using sink = handing(first.ring!);
  sink.push(bytes);
  loseHalf(second, crash);
  for (const step of [() => sink.push(bytes), () => sink.finish()]) {
    assert.throws(step, (error) => isError(error, Code.Internal) && /out of memory/.test(String(error)));
  }
});

Deno.test("a first half whose Worker died lets the second go", () => {
  const [first, second] = shareLayer(job);
  loseHalf(first, crash);
  assert.throws(() => new RingReader(second.ring).read(), (error) => isError(error, Code.Canceled));
  // A job that has no other half takes no harm.
  loseHalf(job, crash);
});

Deno.test("the outcome of both halves waits for both, and what failed is the first's to tell", async () => {
  const layer = { digest: "sha256:1", size: 1 };
  const files = { entries: 2, impliedDirs: ["a"] };
  assert.deepEqual(await joinHalves(Promise.resolve(layer), Promise.resolve(files)), { ...layer, ...files });
  const { promise, resolve } = Promise.withResolvers<typeof files>();
  let settled = false;
  const joined = joinHalves(Promise.reject(crash), promise).finally(() => settled = true);
  joined.catch(() => {});
  await new Promise((done) => setTimeout(done, 5));
  assert.equal(settled, false);
  resolve(files);
  await assert.rejects(joined, crash);
  await assert.rejects(joinHalves(Promise.reject(crash), Promise.reject(new Error("later"))), crash);
  await assert.rejects(joinHalves(Promise.resolve(layer), Promise.reject(crash)), crash);
});
