import assert from "node:assert/strict";
import { push, richImage, Scratch, startContainerd, startRegistry } from "../../harness/mod.ts";
import { openRooms, scope } from "./fixture.ts";

const labelsOf = (text: string) =>
  Object.fromEntries(
    text.trim().split("\n").slice(1).map((line) => line.split(/\t+/).map((cell) => cell.trim()))
      .map(([digest, , , labels]) => [digest, labels!.split(",").sort()]),
  );

Deno.test("pull leaves the content labels, image and snapshots that containerd leaves", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry();
  const reference = await push(await richImage(scratch), registry, "rich:1");
  await using containerd = await startContainerd("shm");
  await using rooms = await openRooms();
  const pulled = await containerd.ctr(["images", "pull", "--plain-http", reference]);
  assert.equal(pulled.code, 0, pulled.stderr);
  const image = await rooms.transfer.pull(scope, { reference });
  const theirs = labelsOf((await containerd.ctr(["content", "ls"])).stdout);
  const ours = Object.fromEntries(
    rooms.content.list(scope).map(({ digest, labels }) => [
      digest,
      Object.entries(labels).map(([name, value]) => `${name}=${value}`).sort(),
    ]),
  );
  assert.deepEqual(ours, theirs);
  const rows = (await containerd.ctr(["images", "ls"])).stdout.split("\n")[1]!.split(/\s+/);
  assert.deepEqual([image.name, image.target?.mediaType, image.target?.digest], rows.slice(0, 3));
  const keys = (await containerd.ctr(["snapshots", "ls"])).stdout.trim().split("\n").slice(1)
    .map((line) => line.trim().split(/\s+/));
  const snapshots = rooms.snapshots.list(scope, "overlayfs")
    .map(({ name, parent }) => [name, ...parent ? [parent] : [], "Committed"]);
  assert.deepEqual(snapshots.sort(), keys.sort());
  const [top] = rooms.snapshots.list(scope, "overlayfs");
  const info = JSON.parse((await containerd.ctr(["snapshots", "info", top!.name])).stdout);
  assert.deepEqual(top!.labels, info.Labels ?? {});
  assert.deepEqual(rooms.leases.list(scope), []);
});

Deno.test("ten pulls at once are one download and one unpacking", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry();
  const reference = await push(await richImage(scratch), registry, "rich:1");
  const before = registry.requests().length;
  await using rooms = await openRooms();
  const images = await Promise.all(
    Array.from({ length: 10 }, (_, n) => rooms.transfer.pull(scope, { reference, name: `image-${n}` })),
  );
  assert.equal(new Set(images.map(({ name }) => name)).size, 10);
  const blobs = registry.requests().slice(before).filter((line) => /^GET .*\/blobs\//.test(line));
  assert.equal(blobs.length, 6);
  assert.equal(new Set(blobs).size, 6);
  assert.equal(rooms.snapshots.list(scope, "overlayfs").length, 5);
});

Deno.test("a client that cancels its pull does not cancel the others'", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry();
  const reference = await push(await richImage(scratch), registry, "rich:1");
  await using rooms = await openRooms();
  const abort = new AbortController();
  // Either of the two may be the one that starts the layers and hears of them.
  const onProgress = ({ name }: { name: string }) => name.startsWith("layer-") && abort.abort();
  const first = rooms.transfer.pull(scope, { reference, name: "first" }, {
    signal: abort.signal,
    onProgress,
  });
  const second = rooms.transfer.pull(scope, { reference, name: "second" }, { onProgress });
  const [one] = await Promise.allSettled([first, second]);
  assert.equal(one.status === "rejected" && one.reason.name, "AbortError");
  await second;
  assert.deepEqual(rooms.images.list(scope).map(({ name }) => name), ["second"]);
  assert.equal(rooms.snapshots.list(scope, "overlayfs").length, 5);
  assert.deepEqual(rooms.leases.list(scope), []);
});
