/** Pushes to registries that fail, lie or break off: one clear error, nothing changed here, and a retry works. */
import assert from "node:assert/strict";
import { Code, codeOf, messageOf } from "../../../lib/errors.ts";
import { remains, type Rooms, scope } from "../transfer/fixture.ts";
import { smallImage } from "../transfer/hostile.ts";
import { FakeRegistry, type Instead, text, Wire } from "./fake_registry.ts";
import { digestOf } from "./real.ts";
import { assertWhole, name, openWithImage } from "./small.ts";

const patience = { headers: 400, body: 400, tries: 3 };
const auth = { username: "alice", secret: "s3cret" };

const push = (rooms: Rooms, host: string, more: Record<string, unknown> = {}) =>
  rooms.transfer.push(scope, { reference: `${host}/box:1`, name, auth, patience, ...more });

interface Bad {
  instead: (registry: FakeRegistry) => Instead;
  /** The error; none if it has to work all the same. */
  code?: Code;
  words?: RegExp;
}

/** Once for each time that `matches` a request, `times` times. */
const times = (count: number, matches: RegExp, answer: () => Response): Instead => ({ method, path }) =>
  matches.test(`${method} ${path}`) && count-- > 0 ? answer() : undefined;
const always = (matches: RegExp, answer: () => Response) => times(Infinity, matches, answer);
const soon = { "retry-after": "0" };

const bad: Record<string, Bad> = {
  "answers 500 and then works": { instead: () => times(2, /./, () => text(500, "", soon)) },
  "answers 503 to uploads, then works": {
    instead: () => times(2, /^PUT .*uploads/, () => text(503, "", soon)),
  },
  "asks for patience with 429": { instead: () => times(2, /^(POST|PUT)/, () => text(429, "", soon)) },
  "answers 500 for ever": {
    instead: () => always(/^PUT .*uploads/, () => text(500, "", soon)),
    code: Code.Unavailable,
    words: /box:1: sha256:.* answers 500/,
  },
  "forgets an upload": { instead: () => times(1, /^PUT .*uploads/, () => text(404)) },
  "never knows of an upload": {
    instead: () => always(/^PUT .*uploads/, () => text(404)),
    code: Code.NotFound,
    words: /box:1: sha256:.* answers 404/,
  },
  "doesn't say where to": {
    instead: () => always(/^POST/, () => text(202)),
    code: Code.FailedPrecondition,
    words: /wants it at "", which is no address/,
  },
  "wants it by ftp": {
    instead: () => always(/^POST/, () => text(202, "", { location: "ftp://example/x" })),
    code: Code.FailedPrecondition,
    words: /wants it at "ftp:.*no address/,
  },
  "wants it where nobody listens": {
    instead: () => always(/^POST/, () => text(202, "", { location: "http://127.0.0.1:1/x" })),
    code: Code.Unavailable,
    words: /box:1: sha256:.*127\.0\.0\.1:1/,
  },
  "redirects questions in a loop": {
    instead: () => (seen) => seen.method === "HEAD" ? text(302, null, { location: seen.path }) : undefined,
    code: Code.FailedPrecondition,
    words: /more than 10 redirects/,
  },
  "redirects uploads in a loop": {
    instead: () => (seen) =>
      /^PUT .*uploads/.test(`${seen.method} ${seen.path}`)
        ? text(307, "", { location: seen.path })
        : undefined,
    code: Code.FailedPrecondition,
    words: /more than 10 redirects/,
  },
  "says that it has stored something else": {
    instead: () =>
      always(/^PUT .*uploads/, () => text(201, "", { "docker-content-digest": `sha256:${"1".repeat(64)}` })),
    code: Code.FailedPrecondition,
    words: /says that it has stored sha256:1111/,
  },
  "is a page that answers 200 to everything": {
    instead: () => always(/./, () => text(200, "<html>", { "content-type": "text/html" })),
    code: Code.FailedPrecondition,
    words: /answers 200/,
  },
  "refuses the manifest": {
    instead: () =>
      always(
        /^PUT .*manifests/,
        () => text(400, JSON.stringify({ errors: [{ code: "MANIFEST_INVALID", message: "not today" }] })),
      ),
    code: Code.FailedPrecondition,
    words: /MANIFEST_INVALID: not today/,
  },
  "doesn't let us in": {
    instead: () => always(/^POST/, () => text(403, JSON.stringify({ errors: [{ code: "DENIED" }] }))),
    code: Code.PermissionDenied,
    words: /DENIED/,
  },
};

for (const [what, { instead, code, words }] of Object.entries(bad)) {
  Deno.test(`a push to a registry that ${what} ${code ? "fails clearly, and a retry works" : "works"}`, async () => {
    await using image = await openWithImage();
    await using registry = new FakeRegistry();
    registry.instead = instead(registry);
    const before = remains(image.rooms);
    if (code) {
      const error = await push(image.rooms, registry.host).then(() => undefined, (error) => error);
      assert.equal(codeOf(error), code, messageOf(error));
      assert.match(messageOf(error), words!);
      assert.equal(registry.manifests.size, 0);
      assert.deepEqual(remains(image.rooms), before);
      registry.instead = () => undefined;
    }
    await push(image.rooms, registry.host);
    assertWhole(registry, image);
    assert.deepEqual(remains(image.rooms), before);
  });
}

for (const fault of ["cut", "hang"] as const) {
  Deno.test(`an upload whose connection ${fault}s goes on from where the registry is`, async () => {
    await using image = await openWithImage();
    await using registry = new FakeRegistry();
    await using wire = new Wire(registry.host);
    wire.faults.push({ after: 150_000, then: fault });
    await push(image.rooms, wire.host);
    assertWhole(registry, image);
    const chunk = registry.requests.find(({ method }) => method === "PATCH");
    const range = chunk?.headers.get("content-range") ?? "";
    assert.match(
      range,
      new RegExp(`^[1-9]\\d*-${image.layer.length - 1}$`),
      "the part that had come was kept",
    );
  });

  Deno.test(`a connection that ${fault}s every time is one error, and a retry works`, async () => {
    await using image = await openWithImage();
    await using registry = new FakeRegistry();
    await using wire = new Wire(registry.host);
    // Also the question how far it has got finds nobody.
    wire.faults.push(...Array(20).fill({ after: 10_000, then: fault }));
    registry.instead = ({ method }) => method === "GET" ? text(404) : undefined;
    const error = await push(image.rooms, wire.host).then(() => undefined, (error) => error);
    assert.equal(codeOf(error), Code.Unavailable, messageOf(error));
    assert.match(messageOf(error), /box:1: sha256:/);
    assert.deepEqual(remains(image.rooms).leases, []);
    wire.faults.length = 0;
    await push(image.rooms, wire.host);
    assertWhole(registry, image);
  });
}

Deno.test("an upload goes to the other host that the registry names, credentials don't", async () => {
  await using image = await openWithImage();
  await using registry = new FakeRegistry();
  await using store = new FakeRegistry();
  const given = `Basic ${btoa("alice:s3cret")}`;
  registry.instead = ({ method, path, headers }) => {
    if (headers.get("authorization") !== given) {
      return text(401, "", { "www-authenticate": 'Basic realm="test"' });
    }
    if (method !== "POST") return undefined;
    return text(202, "", {
      location: `http://user:pw@${store.host}/elsewhere?path=${encodeURIComponent(path)}`,
    });
  };
  store.instead = async ({ method, path }, body) => {
    const bytes = new Uint8Array(await new Response(body).arrayBuffer());
    const digest = new URL(path, "http://x").searchParams.get("digest") ?? "";
    if (method !== "PUT" || digestOf(bytes) !== digest) return text(400);
    registry.blobs.set(digest, bytes);
    return text(201);
  };
  await push(image.rooms, registry.host, { headers: { "x-secret": "for the registry" } });
  assertWhole(registry, image);
  assert.equal(store.requests.length, 2);
  for (const { headers } of store.requests) {
    assert.equal(headers.get("authorization"), null);
    assert.equal(headers.get("x-secret"), null);
  }
  assert.ok(registry.requests.some(({ headers }) => headers.get("x-secret") === "for the registry"));
});

Deno.test("a redirected upload and a 401 from elsewhere get no credentials", async () => {
  await using image = await openWithImage();
  await using registry = new FakeRegistry();
  await using store = new FakeRegistry();
  const given = `Basic ${btoa("alice:s3cret")}`;
  registry.instead = ({ method, path, headers }) => {
    if (headers.get("authorization") !== given) {
      return text(401, "", { "www-authenticate": 'Basic realm="test"' });
    }
    return method === "PUT" ? text(307, "", { location: `http://${store.host}${path}` }) : undefined;
  };
  store.instead = () => text(401, "", { "www-authenticate": 'Basic realm="thief"' });
  const error = await push(image.rooms, registry.host).then(() => undefined, (error) => error);
  assert.equal(codeOf(error), Code.Unauthenticated, messageOf(error));
  assert.ok(store.requests.length > 0);
  assert.ok(store.requests.every(({ headers }) => !headers.has("authorization")));
});

Deno.test("one upload for each blob and repository at a time, whoever pushes", async () => {
  await using image = await openWithImage();
  await using registry = new FakeRegistry();
  const open = Promise.withResolvers<void>();
  registry.instead = async ({ method, path }) => {
    if (method === "PUT" && path.includes("/uploads/")) await open.promise;
    return undefined;
  };
  const both = ["1", "2"].map((tag) =>
    image.rooms.transfer.push(scope, { reference: `${registry.host}/box:${tag}`, name, patience })
  );
  const aborted = new AbortController();
  const third = image.rooms.transfer.push(scope, { reference: `${registry.host}/box:3`, name }, aborted);
  await new Promise((resolve) => setTimeout(resolve, 100));
  aborted.abort();
  await assert.rejects(third, { name: "AbortError" });
  open.resolve();
  await Promise.all(both);
  assertWhole(registry, image);
  assert.ok(registry.manifests.has("2") && !registry.manifests.has("3"));
  assert.equal(registry.lines().filter((line) => /^PUT .*uploads/.test(line)).length, 2);
});

Deno.test("a damaged blob is refused by the registry, by name", async () => {
  await using image = await openWithImage();
  await using registry = new FakeRegistry();
  const path = image.rooms.content.path(scope, digestOf(image.layer));
  await Deno.chmod(path, 0o644);
  using file = await Deno.open(path, { write: true });
  await file.write(new Uint8Array(100));
  const error = await push(image.rooms, registry.host).then(() => undefined, (error) => error);
  assert.equal(codeOf(error), Code.FailedPrecondition);
  assert.match(messageOf(error), new RegExp(`${digestOf(image.layer)}.*DIGEST_INVALID`));
  await file.seek(0, Deno.SeekMode.Start);
  await file.write(image.layer.subarray(0, 100));
  await push(image.rooms, registry.host);
  assertWhole(registry, image);
});

/** Its layer has 6 MiB: long enough for a Worker to send it. */
function largeImage() {
  const layer = new Uint8Array(6 << 20).map((_, n) => n * 31 + (n >> 8));
  const image = smallImage();
  const document = JSON.parse(new TextDecoder().decode(image.manifest));
  document.layers[0] = { ...document.layers[0], digest: digestOf(layer), size: layer.length };
  return { ...image, layer, manifest: new TextEncoder().encode(JSON.stringify(document)) };
}

Deno.test("a push that is given up in the middle of a blob ends, and the next one works", async () => {
  await using large = await openWithImage(largeImage());
  await using registry = new FakeRegistry();
  await using wire = new Wire(registry.host);
  wire.faults.push({ after: 2 << 20, then: "hang" });
  const abort = new AbortController();
  const before = remains(large.rooms);
  const onProgress = ({ event, progress }: { event: string; progress: bigint }) =>
    event === "uploading" && progress > 0n && abort.abort();
  const options = { signal: abort.signal, onProgress };
  const request = { reference: `${wire.host}/box:1`, name, patience: { headers: 60_000 } };
  await assert.rejects(large.rooms.transfer.push(scope, request, options), { name: "AbortError" });
  assert.deepEqual(remains(large.rooms), before);
  await push(large.rooms, wire.host);
  assertWhole(registry, large);
});

Deno.test("a registry that finds a blob too large gets it in parts", async () => {
  await using large = await openWithImage(largeImage());
  await using registry = new FakeRegistry();
  registry.instead = ({ headers }) => Number(headers.get("content-length")) > 2 << 20 ? text(413) : undefined;
  await push(large.rooms, registry.host);
  assertWhole(registry, large);
  const ranges = registry.requests.filter(({ method }) => method === "PATCH")
    .map(({ headers }) => headers.get("content-range"));
  const part = 6 << 18;
  assert.deepEqual(ranges, [0, 1, 2, 3].map((n) => `${n * part}-${(n + 1) * part - 1}`));
  // One that takes nothing of that size, however small the parts.
  registry.blobs.clear();
  registry.manifests.clear();
  registry.instead = ({ headers }) => Number(headers.get("content-length")) > 1 << 19 ? text(413) : undefined;
  const error = await push(large.rooms, registry.host).then(() => undefined, (error) => error);
  assert.equal(codeOf(error), Code.FailedPrecondition, messageOf(error));
  assert.match(messageOf(error), /answers 413/);
});
