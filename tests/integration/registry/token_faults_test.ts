/** Token servers that fail: one clear error, in bounded time, and nothing is left of the pull. */
import assert from "node:assert/strict";
import { Code, codeOf, messageOf } from "../../../lib/errors.ts";
import { openRooms, remains, scope } from "../transfer/fixture.ts";
import { serve, smallImage } from "../transfer/hostile.ts";

const auth = { username: "alice", secret: "s3cret" };
const patience = { headers: 400, body: 400, tries: 2 };

/** An address that nobody listens at. */
function closed(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}/token`;
}

/** What is wrong, the token server's part of it, and the error. */
const cases: [string, (realm: string) => string, Code, RegExp][] = [
  ["is down", closed, Code.Unavailable, /token from \S+ for .*refused/],
  ["is not to be found", (realm) => `${realm}/404`, Code.NotFound, /token from \S+ for \S+: \S+ answers 404/],
  [
    "doesn't answer",
    (realm) => `${realm}/hang`,
    Code.Unavailable,
    /token from \S+ for .*no answer within 400 ms/,
  ],
  [
    "hangs in its answer",
    (realm) => `${realm}/drip`,
    Code.Unavailable,
    /token from \S+ for .*nothing came for 400 ms/,
  ],
  ["redirects in a circle", (realm) => `${realm}/circle`, Code.FailedPrecondition, /more than 10 redirects/],
  ["is at fault", (realm) => `${realm}/500`, Code.Unavailable, /token from \S+ for \S+: \S+ answers 500/],
  ["is no address", () => "nonsense", Code.FailedPrecondition, /token realm "nonsense" is not an address/],
  ["names a user", () => "http://u:p@x.test/", Code.FailedPrecondition, /token realm .* names a user/],
  [
    "gives a token that is no header",
    (realm) => `${realm}/lines`,
    Code.Unauthenticated,
    /answer has no token/,
  ],
];

Deno.test("a token server that fails is told by name, with no secrets, and nothing stays", async (t) => {
  const image = smallImage();
  const open = new AbortController();
  await using tokens = serve(image, ({ path }) => {
    if (path.startsWith("/t/404")) return new Response("", { status: 404 });
    if (path.startsWith("/t/500")) {
      return new Response("s3cret", { status: 500, headers: { "retry-after": "0" } });
    }
    if (path.startsWith("/t/circle")) {
      return new Response("", { status: 302, headers: { location: "/t/circle" } });
    }
    if (path.startsWith("/t/lines")) return Response.json({ token: "a\r\nb" });
    const never = new Promise<Response>((resolve) =>
      open.signal.addEventListener("abort", () => resolve(new Response("")))
    );
    if (path.startsWith("/t/hang")) return never;
    const drip = (controller: ReadableStreamDefaultController) => {
      controller.enqueue(new TextEncoder().encode('{"token":'));
      open.signal.addEventListener("abort", () => controller.error(new Error("over")));
    };
    return new Response(new ReadableStream({ start: drip }));
  });
  let realm = "";
  await using registry = serve(
    image,
    () =>
      realm
        ? new Response("", {
          status: 401,
          headers: { "www-authenticate": `Bearer realm="${realm}",service="x"` },
        })
        : undefined,
  );
  await using rooms = await openRooms();
  for (const [what, realmOf, code, message] of cases) {
    await t.step(`a token server that ${what}`, async () => {
      realm = realmOf(`http://${tokens.host}/t`);
      const error = await rooms.transfer.pull(scope, { reference: registry.reference, auth, patience }).catch(
        (e) => e,
      );
      assert.match(messageOf(error), message);
      assert.equal(codeOf(error), code, messageOf(error));
      assert.doesNotMatch(messageOf(error), /s3cret|\n/);
      assert.deepEqual(remains(rooms), { images: [], snapshots: [], leases: [], blobs: [] });
    });
  }
  realm = "";
  open.abort();
  await rooms.transfer.pull(scope, { reference: registry.reference, auth, patience });
});
