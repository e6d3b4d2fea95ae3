/** Pushes to a registry that wants tokens. */
import assert from "node:assert/strict";
import { Code, codeOf, messageOf } from "../../../lib/errors.ts";
import { scope } from "../transfer/fixture.ts";
import { digestOf } from "./real.ts";
import { assertWhole, name, openWithImage } from "./small.ts";
import { TokenRegistry } from "./token_registry.ts";

const auth = { username: "alice", secret: "s3cret" };

Deno.test("a push asks for a token to pull and push, once", async () => {
  await using image = await openWithImage();
  await using registry = new TokenRegistry();
  await image.rooms.transfer.push(scope, { reference: `${registry.host}/team/box:1`, name, auth });
  assertWhole(registry, image);
  assert.ok(registry.asked.length <= 2, "both blobs are asked after at once, later requests have the token");
  for (const scopes of registry.asked) assert.match(scopes, /repository:team\/box:pull,push/);
  for (const shown of registry.shown) assert.equal(shown, `GET Basic ${btoa("alice:s3cret")}`);
});

Deno.test("a push with a refresh token trades it, and nobody else sees it", async () => {
  await using image = await openWithImage();
  await using registry = new TokenRegistry();
  const request = { reference: `${registry.host}/box:1`, name, auth: { refreshToken: "r3fresh" } };
  await image.rooms.transfer.push(scope, request);
  assertWhole(registry, image);
  assert.ok(registry.shown.every((shown) => shown === "POST r3fresh"));
  const others = registry.requests.filter(({ path }) => !path.startsWith("/token"));
  assert.ok(others.every(({ headers }) => !headers.get("authorization")?.includes("r3fresh")));
});

Deno.test("a token that runs out in the middle of a push is renewed", async () => {
  await using image = await openWithImage();
  await using registry = new TokenRegistry();
  registry.uses = 1;
  await image.rooms.transfer.push(scope, {
    reference: `${registry.host}/box:1`,
    name,
    auth,
    maxConcurrentUploads: 1,
  });
  assertWhole(registry, image);
  assert.ok(registry.asked.length >= 5, `${registry.asked.length} tokens`);
});

Deno.test("who may not push is told so, after one token", async () => {
  await using image = await openWithImage();
  await using registry = new TokenRegistry();
  registry.allowed = /^other$/;
  const request = { reference: `${registry.host}/box:1`, name, auth, maxConcurrentUploads: 1 };
  const error = await image.rooms.transfer.push(scope, request).then(() => undefined, (error) => error);
  assert.equal(codeOf(error), Code.Unauthenticated, messageOf(error));
  assert.match(messageOf(error), /box:1: sha256:.*answers 401/);
  assert.ok(!messageOf(error).includes(auth.secret));
  registry.allowed = /./;
  await image.rooms.transfer.push(scope, request);
  assertWhole(registry, image);
});

Deno.test("a mount asks for both repositories; without a right to the other the blob is sent", async () => {
  await using image = await openWithImage();
  await using registry = new TokenRegistry();
  await image.rooms.transfer.push(scope, { reference: `${registry.host}/one:1`, name, auth });
  const label = "containerd.io/distribution.source.127.0.0.1";
  const { labels } = image.rooms.content.info(scope, digestOf(image.layer));
  assert.equal(labels[label], "one");
  registry.blobs.clear();
  registry.allowed = /^two$/;
  registry.asked.length = 0;
  await image.rooms.transfer.push(scope, { reference: `${registry.host}/two:1`, name, auth });
  assertWhole(registry, image);
  assert.ok(
    registry.asked.some((scopes) =>
      /repository:two:pull,push/.test(scopes) && /repository:one:pull/.test(scopes)
    ),
  );
  assert.equal(image.rooms.content.info(scope, digestOf(image.layer)).labels[label], "one,two");
});
