import assert from "node:assert/strict";
import { Code, isError } from "../../../lib/errors.ts";
import { OutgoingBlob, outgoingBytes, outgoingFile } from "../../../lib/remotes/outgoing.ts";
import { receivedBytes, uploadAddress } from "../../../lib/remotes/upload_answers.ts";

const answer = (headers: Record<string, string>, url = "https://r.test/v2/app/blobs/uploads/") => ({
  headers: new Headers(headers),
  url,
});
const address = (location: string, origin = "https://r.test") =>
  uploadAddress(answer({ location }), origin, "app");
const refused = (error: unknown) => isError(error, Code.FailedPrecondition);

Deno.test("an upload's address may be whole, a path, or on another host", () => {
  assert.equal(
    address("/v2/app/blobs/uploads/1?state=a%2Bb"),
    "https://r.test/v2/app/blobs/uploads/1?state=a%2Bb",
  );
  assert.equal(address("2"), "https://r.test/v2/app/blobs/uploads/2");
  assert.equal(address("https://store.test/x?sig=1#part"), "https://store.test/x?sig=1");
  assert.equal(address("https://user:secret@store.test/x"), "https://store.test/x");
});

Deno.test("a registry that thinks it is spoken to in plain http is spoken to in https all the same", () => {
  assert.equal(address("http://r.test/x"), "https://r.test/x");
  assert.equal(address("http://r.test:5000/x", "https://r.test:8443"), "https://r.test:8443/x");
  assert.equal(address("http://r.test:5000/x", "http://r.test:5000"), "http://r.test:5000/x");
});

Deno.test("an upload's address that is none, or less safe than the registry, is refused", () => {
  for (const location of ["", "ftp://r.test/x", "http://store.test/x", "file:///etc/passwd", "http://"]) {
    assert.throws(() => address(location), refused, location);
  }
});

Deno.test("what a registry has is read from its range", () => {
  const range = (text: string) => receivedBytes(answer({ range: text }));
  assert.deepEqual([range("0-0"), range("0-99"), range("bytes=0-99")], [0, 100, 100]);
  assert.deepEqual([range("5-9"), range("none"), range(`0-${"9".repeat(30)}`)], [
    undefined,
    undefined,
    undefined,
  ]);
  assert.equal(receivedBytes(answer({})), undefined);
});

Deno.test("a body tells how much of it is taken, and fails if it isn't as long as announced", async () => {
  const taken: number[] = [];
  const body = { ...outgoingBytes(new Uint8Array(5)), onTaken: (sent: number) => taken.push(sent) };
  const whole = await new Response(new OutgoingBlob(body, (sent) => taken.push(-sent)).stream()).bytes();
  assert.equal(whole.length, 5);
  assert.deepEqual(taken, [-5, 5, -5]);
  for (const size of [4, 6]) {
    const wrong = new OutgoingBlob({ ...outgoingBytes(new Uint8Array(5)), size }, () => {});
    await assert.rejects(new Response(wrong.stream()).bytes(), /body of 5 bytes, announced were/);
  }
});

Deno.test("a body may be a part of a file, and be read again", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "0123456789");
    const body = outgoingFile(path, 3, 4);
    for (let time = 0; time < 2; time++) {
      const blob = new OutgoingBlob(body, () => {});
      assert.deepEqual([blob.size, await new Response(blob.stream()).text()], [4, "3456"]);
    }
  } finally {
    await Deno.remove(path);
  }
});
