import assert from "node:assert/strict";
import { type Connection, connectionTo, wantsTls } from "../../../lib/remotes/connection.ts";

const file = { path: "/a", pem: "a" };
const all: Connection = { ca: [file], client: [{ cert: file, key: file }], skipVerify: true, dialTimeout: 1 };

Deno.test("a client's certificate is shown to servers of the same name, authorities hold for those they name", () => {
  assert.equal(connectionTo(all, "https://a.test/v2/", "https://a.test:5001/token"), all);
  const { client: _, ...others } = all;
  assert.deepEqual(connectionTo(all, "https://a.test/v2/", "https://storage.test/blob"), others);
  assert.deepEqual(connectionTo(all, "https://a.test/", "https://a.test.evil.test/"), others);
  assert.equal(connectionTo(undefined, "https://a.test/", "https://b.test/"), undefined);
});

Deno.test("a connection says how TLS is spoken, or not", () => {
  assert.equal(wantsTls(undefined), false);
  assert.equal(wantsTls({ dialTimeout: 1 }), false);
  for (const one of [{ ca: [file] }, { client: all.client }, { skipVerify: false }]) {
    assert.equal(wantsTls(one), true);
  }
});
