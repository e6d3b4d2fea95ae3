/** Pulls of an image whose weight is one layer, which two Workers share. */
import assert from "node:assert/strict";
import { Code, isError, messageOf } from "../../../lib/errors.ts";
import { must } from "../../harness/mod.ts";
import { makeTar } from "../../harness/tar.ts";
import { readTree } from "../../harness/tree.ts";
import { openRooms, remains, type Rooms, scope } from "./fixture.ts";
import { type Answers, digestOf, serve, type Small, smallImage } from "./hostile.ts";

const noise = Uint8Array.from({ length: 1 << 16 }, (_, n) => (n * 2654435761 >>> 13) & 0xff);
/** Files that hardly get smaller, so that there is enough to be shared. */
const tar = makeTar(
  Array.from({ length: 200 }, (_, n) => ({ name: `${n}`, body: crypto.getRandomValues(noise.slice()) })),
);
const nothing = { images: [], snapshots: [], leases: [] };

const isLayer = (path: string, { layer }: Small) => path.endsWith(digestOf(layer));

async function withPull(answers: Answers, test: (rooms: Rooms, pull: Pull) => Promise<void>) {
  await using rooms = await openRooms();
  const image = smallImage({ tar });
  await using registry = serve(image, answers);
  const pull = (signal?: AbortSignal) =>
    rooms.transfer.pull(scope, { reference: registry.reference }, { signal });
  await test(rooms, pull);
}
type Pull = (signal?: AbortSignal) => Promise<unknown>;

/** The tree of the one snapshot. */
function pulledTree({ snapshots }: Rooms) {
  const [snapshot] = snapshots.list(scope, "overlayfs");
  return readTree(snapshots.layerPaths(scope, "overlayfs", snapshot!.name)[0]!);
}

/** The layer, half of which comes at once, and the rest when it is let. */
function halting(rest: Promise<void>): Answers {
  return ({ path, headers }, image) => {
    if (!isLayer(path, image) || headers.has("range")) return undefined;
    const half = image.layer.length >> 1;
    const body = async function* () {
      yield image.layer.subarray(0, half);
      await rest;
      yield image.layer.subarray(half);
    };
    return new Response(ReadableStream.from(body()));
  };
}

Deno.test("an image of one large layer is pulled by two Workers, and is what it was made of", () =>
  withPull(() => undefined, async (rooms, pull) => {
    await pull();
    assert.equal(rooms.workers.size, 2);
    const tree = pulledTree(rooms);
    assert.equal(tree.size, 201);
    const { content } = tree.get("7")!;
    assert.equal(content.split(" ")[0], `${noise.length}`);
  }));

Deno.test("a pull that is given up in the middle of its layer leaves nothing, and another one works", async () => {
  const rest = Promise.withResolvers<void>();
  await withPull(halting(rest.promise), async (rooms, pull) => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error("enough")), 700);
    await assert.rejects(pull(abort.signal), /enough/);
    const { blobs: _, ...left } = remains(rooms);
    assert.deepEqual(left, nothing);
    rest.resolve();
    await pull();
    assert.equal(pulledTree(rooms).size, 201);
  });
});

Deno.test("a pull whose layer finds no room says so, leaves nothing, and works when there is room", () =>
  withPull(() => undefined, async (rooms, pull) => {
    const dir = rooms.scratch.join("overlayfs");
    await must("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", dir]);
    await assert.rejects(pull(), (error) => {
      assert.ok(isError(error, Code.ResourceExhausted), messageOf(error));
      assert.match(messageOf(error), /unpack "\d+": write: no space left on device/);
      return true;
    });
    const { blobs: _, ...left } = remains(rooms);
    assert.deepEqual(left, nothing);
    assert.deepEqual([...Deno.readDirSync(dir)], []);
    await must("mount", ["-o", "remount,size=64m", dir]);
    await pull();
    assert.equal(pulledTree(rooms).size, 201);
  }));
