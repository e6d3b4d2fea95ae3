import assert from "node:assert/strict";
import { Code, codeOf } from "../../../lib/errors.ts";
import type { PullRequest } from "../../../lib/transfer/mod.ts";
import { openRooms, remains, scope } from "./fixture.ts";
import { type Answers, digestOf, honest, type Seen, serve, type Small, smallImage } from "./hostile.ts";

const patience = { headers: 500, body: 500, tries: 2 };
const isLayer = ({ path, method }: Seen, { layer }: Small) =>
  method === "GET" && path.includes("/blobs/") && path.endsWith(digestOf(layer));
const isManifest = ({ path }: Seen) => path.includes("/manifests/");
const nothing = { images: [], snapshots: [], leases: [] };
const json = { "content-type": "application/vnd.oci.image.manifest.v1+json" };

interface Bad {
  name: string;
  code: Code;
  message: RegExp;
  answers: Answers;
}

const cases: Bad[] = [
  {
    name: "a layer with other bytes",
    code: Code.FailedPrecondition,
    message: /small:1: .*blob sha256:\w+: its bytes have the digest sha256:\w+/,
    answers: (seen, image) =>
      isLayer(seen, image)
        ? new Response(image.layer.map((byte, n) => n === 100_000 ? ~byte : byte))
        : undefined,
  },
  {
    name: "a layer that ends early each time",
    code: Code.Unavailable,
    message: /body ended after 1000 of|small:1/,
    answers: (seen, image) => isLayer(seen, image) ? new Response(image.layer.slice(0, 1000)) : undefined,
  },
  {
    name: "a layer that is too long",
    code: Code.FailedPrecondition,
    message: /expected \d+ bytes/,
    answers: (seen, image) =>
      isLayer(seen, image) ? new Response(new Blob([image.layer, new Uint8Array(10)]).stream()) : undefined,
  },
  {
    name: "redirects without end",
    code: Code.FailedPrecondition,
    message: /more than 10 redirects/,
    answers: (seen, image) =>
      isLayer(seen, image) ? new Response("", { status: 302, headers: { location: seen.path } }) : undefined,
  },
  {
    name: "a page of HTML for a layer",
    code: Code.FailedPrecondition,
    message: /small:1: .*blob sha256:\w+: its bytes have the digest sha256:\w+/,
    answers: (seen, image) =>
      isLayer(seen, image) ? new Response("<html>".padEnd(image.layer.length, "x")) : undefined,
  },
  {
    name: "a page of HTML whatever is asked for",
    code: Code.FailedPrecondition,
    message: /small:1.*"text\/html" is no image's/,
    answers: () => new Response("<html>please log in</html>", { headers: { "content-type": "text/html" } }),
  },
  {
    name: "a layer that stops coming",
    code: Code.Unavailable,
    message: /nothing came for 500 ms/,
    answers: (seen, image) =>
      isLayer(seen, image)
        ? new Response(new ReadableStream({ start: (it) => it.enqueue(image.layer.slice(0, 10)) }))
        : undefined,
  },
  {
    name: "no answer at all",
    code: Code.Unavailable,
    message: /no answer within 500 ms/,
    answers: (seen) =>
      isManifest(seen) ? new Promise((done) => setTimeout(() => done(new Response("")), 3000)) : undefined,
  },
  {
    name: "401 whatever is said",
    code: Code.Unauthenticated,
    message: /401/,
    answers: () => new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } }),
  },
  {
    name: "a token server that is down",
    code: Code.Unavailable,
    message: /token|127\.0\.0\.1:1/,
    answers: () =>
      new Response("", {
        status: 401,
        headers: { "www-authenticate": 'Bearer realm="http://127.0.0.1:1/token"' },
      }),
  },
  {
    name: "a manifest that claims 2 GB",
    code: Code.FailedPrecondition,
    message: /2147483648 bytes, the limit is/,
    answers: (seen, image) =>
      isManifest(seen)
        ? new Response(seen.method === "HEAD" ? null : image.manifest, {
          headers: {
            ...json,
            "docker-content-digest": digestOf(image.manifest),
            ...seen.method === "HEAD" && { "content-length": "2147483648" },
          },
        })
        : undefined,
  },
  {
    name: "a manifest that is 100 MB",
    code: Code.FailedPrecondition,
    message: /limit is/,
    answers: (seen) =>
      isManifest(seen)
        ? new Response(seen.method === "HEAD" ? null : endless(100), { headers: json })
        : undefined,
  },
  {
    name: "a manifest that isn't JSON",
    code: Code.InvalidArgument,
    message: /manifest sha256:.*not JSON/,
    answers: (seen) => isManifest(seen) ? new Response("nonsense", { headers: json }) : undefined,
  },
  {
    name: "a document that is manifest and index",
    code: Code.InvalidArgument,
    message: /ambiguous/,
    answers: (seen, image) =>
      isManifest(seen)
        ? new Response(new TextDecoder().decode(image.manifest).replace("{", '{"manifests":[],'), {
          headers: json,
        })
        : undefined,
  },
];

function endless(megabytes: number): ReadableStream<Uint8Array> {
  let left = megabytes;
  return new ReadableStream({
    pull: (it) => left-- ? it.enqueue(new Uint8Array(1 << 20).fill(32)) : it.close(),
  });
}

for (const { name, code, message, answers } of cases) {
  Deno.test(`pull fails cleanly and leaves nothing when it gets ${name}`, async () => {
    await using server = serve(smallImage(), answers);
    await using rooms = await openRooms();
    const request = { reference: server.reference, patience };
    const error = await rooms.transfer.pull(scope, request).then(() => undefined, (error) => error);
    assert.match(String(error), message);
    assert.equal(codeOf(error), code, String(error));
    assert.ok(error.message.includes(server.host), error.message);
    const { blobs: _, ...left } = remains(rooms);
    assert.deepEqual(left, nothing);
    await rooms.gc.run();
    assert.deepEqual(remains(rooms).blobs, []);
    assert.deepEqual(await rooms.content.statuses(scope).then((all) => all.map(({ ref }) => ref)), []);
  });
}

Deno.test("an interrupted layer goes on where it broke off", async () => {
  let first = true;
  await using server = serve(smallImage(), (seen, image) => {
    if (!isLayer(seen, image) || !first) return undefined;
    first = false;
    return new Response(image.layer.slice(0, 200_000));
  });
  await using rooms = await openRooms();
  await rooms.transfer.pull(scope, { reference: server.reference, patience });
  const ranges = server.requests.map(({ headers }) => headers.get("range")).filter((range) => range);
  assert.deepEqual(ranges, ["bytes=200000-"]);
});

Deno.test("a server that ignores ranges is read over again", async () => {
  let first = true;
  await using server = serve(smallImage(), (seen, image) => {
    if (!isLayer(seen, image)) return undefined;
    if (!first) return new Response(image.layer);
    first = false;
    return new Response(image.layer.slice(0, 200_000));
  });
  await using rooms = await openRooms();
  const image = await rooms.transfer.pull(scope, { reference: server.reference, patience });
  assert.equal(image.name, server.reference);
});

Deno.test("a busy server is asked again after the time it names", async () => {
  let calls = 0;
  await using server = serve(
    smallImage(),
    () => calls++ ? undefined : new Response("", { status: 429, headers: { "retry-after": "1" } }),
  );
  await using rooms = await openRooms();
  const start = performance.now();
  await rooms.transfer.pull(scope, { reference: server.reference, patience });
  assert.ok(performance.now() - start >= 1000);
});

const auth = { username: "alice", secret: "s3cret" };

/** Asks for Basic authentication, then lets `answers` speak. */
const guarded = (answers: Answers): Answers => (seen, image) =>
  seen.headers.get("authorization")
    ? answers(seen, image)
    : new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } });

async function pulled(request: PullRequest): Promise<string> {
  await using rooms = await openRooms();
  return (await rooms.transfer.pull(scope, { ...request, patience })).name;
}

Deno.test("credentials do not follow a redirect to another host", async () => {
  const image = smallImage();
  await using store = serve(image);
  await using server = serve(
    image,
    guarded((seen, image) =>
      isLayer(seen, image)
        ? new Response("", { status: 307, headers: { location: `http://${store.host}${seen.path}` } })
        : undefined
    ),
  );
  await pulled({ reference: server.reference, auth });
  assert.equal(store.requests.length, 1);
  assert.deepEqual(store.requests.map(({ headers }) => headers.get("authorization")), [null]);
});

Deno.test("CVE-2020-15157: a foreign layer's address gets no credentials, also when it asks for them", async () => {
  const evilImage = smallImage();
  await using evil = serve(
    evilImage,
    () => new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="evil"' } }),
  );
  const image = smallImage({ urls: [`http://${evil.host}/layer`] });
  await using server = serve(
    image,
    guarded((seen, image) => isLayer(seen, image) ? new Response("", { status: 404 }) : undefined),
  );
  await assert.rejects(pulled({ reference: server.reference, auth }));
  assert.ok(evil.requests.length > 0);
  assert.deepEqual([...new Set(evil.requests.map(({ headers }) => headers.get("authorization")))], [null]);
});

Deno.test("a token is got once, by GET with the password or by POST with an identity token", async () => {
  for (const credentials of [auth, { refreshToken: "identity" }]) {
    let base = "";
    await using server = serve(smallImage(), (seen, image) => {
      if (seen.path.startsWith("/token")) return Response.json({ token: "t1", access_token: "t1" });
      if (seen.headers.get("authorization") === "Bearer t1") return honest(seen, image);
      const header = `Bearer realm="http://${base}/token",service="s",scope="repository:small:pull"`;
      return new Response("", { status: 401, headers: { "www-authenticate": header } });
    });
    base = server.host;
    await pulled({ reference: server.reference, auth: credentials });
    const asked = server.requests.filter(({ path }) => path.startsWith("/token"));
    assert.deepEqual(asked.map(({ method }) => method), ["refreshToken" in credentials ? "POST" : "GET"]);
  }
});
