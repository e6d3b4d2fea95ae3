/** Layers of mounts as snapshotters give them. */
import assert from "node:assert/strict";
import { DiffRequest } from "../../../lib/api/services/diff/v1/diff.ts";
import type { Mount } from "../../../lib/api/types/mount.ts";
import { Code, CtrError } from "../../../lib/errors.ts";
import { complete } from "../../../lib/rpc/service.ts";
import { makeDiff } from "../../../lib/transfer/mod.ts";
import { must, Scratch } from "../../harness/mod.ts";
import { Overlay, tarOf } from "../archive/overlay.ts";
import { openRooms, type Rooms, scope } from "./fixture.ts";

const TAR = "application/vnd.oci.image.layer.v1.tar";

const mountsOf = (overlay: Overlay, options = overlay.options()): Mount[] => [
  { type: "overlay", source: "overlay", target: "", options },
];
const bind = (source: string): Mount => ({ type: "bind", source, target: "", options: ["ro", "rbind"] });

function request(left: Mount[], right: Mount[], more: Partial<DiffRequest> = {}): DiffRequest {
  return complete(DiffRequest, { left, right, mediaType: TAR, ...more });
}

async function entries(rooms: Rooms, digest: string): Promise<string[]> {
  const listed = await must("tar", ["-tf", rooms.content.path(scope, digest)]);
  return listed.split("\n").filter((name) => name);
}

async function fill(lower: string) {
  await Deno.mkdir(`${lower}/dir/sub`, { recursive: true });
  await Deno.writeTextFile(`${lower}/dir/sub/file`, "x".repeat(9000));
  await Deno.writeTextFile(`${lower}/big`, "data".repeat(1000));
}

/** A renamed lower directory and a lower file with another mode, kept by overlayfs without copies of their data. */
async function renamed(dir: string): Promise<Overlay> {
  const overlay = await Overlay.make(dir, fill, ["metacopy=on", "redirect_dir=on"]);
  await Deno.rename(`${overlay.merged}/dir`, `${overlay.merged}/moved`);
  await Deno.chmod(`${overlay.merged}/big`, 0o600);
  return overlay;
}

Deno.test("directories that overlayfs redirects and files whose data are below are packed whole", async () => {
  await using rooms = await openRooms();
  await using scratch = await Scratch.make();
  await using overlay = await renamed(scratch.join("o"));
  const right = mountsOf(overlay);
  const { digest } = await makeDiff(
    rooms.content,
    rooms.workers,
    scope,
    request([bind(overlay.lower)], right),
  );
  assert.deepEqual(await entries(rooms, digest), [
    ".wh.dir",
    "big",
    "moved/",
    "moved/sub/",
    "moved/sub/file",
  ]);
  const sizes = await must("tar", ["-tvf", rooms.content.path(scope, digest)]);
  assert.match(sizes, /4000 .* big\n/);
  assert.match(sizes, /9000 .* moved\/sub\/file\n/);
});

Deno.test("what overlayfs doesn't show without its options is an error that names them, not another layer", async () => {
  await using rooms = await openRooms();
  await using scratch = await Scratch.make();
  await using overlay = await renamed(scratch.join("o"));
  const plain = overlay.options().filter((option) => !/^(metacopy|redirect_dir)=/.test(option));
  const made = makeDiff(
    rooms.content,
    rooms.workers,
    scope,
    request([bind(overlay.lower)], mountsOf(overlay, plain)),
  );
  await assert.rejects(made, /operation not permitted.*trusted\.overlay\.metacopy/);
  assert.deepEqual(await rooms.content.statuses(scope), []);
});

Deno.test("an overlay on something else than the left side is compared with the left side", async () => {
  await using rooms = await openRooms();
  await using scratch = await Scratch.make("shm");
  await using overlay = await Overlay.make(scratch.join("o"), fill);
  await Deno.writeTextFile(`${overlay.merged}/new`, "new");
  const other = scratch.join("other");
  await Deno.mkdir(other);
  const left = [bind(other)];
  const { digest } = await makeDiff(rooms.content, rooms.workers, scope, request(left, mountsOf(overlay)));
  const wanted = ["big", "dir/", "dir/sub/", "dir/sub/file", "new"];
  assert.deepEqual(await entries(rooms, digest), wanted);
  const all = await makeDiff(rooms.content, rooms.workers, scope, request([], mountsOf(overlay)));
  assert.equal(all.digest, digest, "nothing and an empty directory are the same");
});

Deno.test("a layer that is there already gets the labels that it hasn't", async () => {
  await using rooms = await openRooms();
  await using scratch = await Scratch.make("shm");
  await using overlay = await Overlay.make(scratch.join("o"), fill);
  await Deno.writeTextFile(`${overlay.merged}/new`, "new");
  const ask = (labels: Record<string, string>) =>
    makeDiff(
      rooms.content,
      rooms.workers,
      scope,
      request([bind(overlay.lower)], mountsOf(overlay), { labels, mediaType: "" }),
    );
  const first = await ask({ one: "1" });
  const second = await ask({ one: "other", two: "2" });
  assert.equal(second.digest, first.digest);
  assert.equal(second.mediaType, `${TAR}+gzip`);
  const { labels } = rooms.content.info(scope, first.digest);
  const { "containerd.io/uncompressed": diffId, ...given } = labels;
  assert.deepEqual(given, { one: "1", two: "2" });
  const tar = await tarOf({ lower: overlay.lower, upper: overlay.upper, form: "overlay" });
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", tar)).toHex();
  assert.equal(diffId, `sha256:${hash}`);
});

Deno.test("an abort ends the work, and leaves neither a write nor a mount", async () => {
  await using rooms = await openRooms();
  await using scratch = await Scratch.make("shm");
  await using overlay = await Overlay.make(scratch.join("o"), fill);
  await must("sh", ["-c", 'head -c 300000000 /dev/urandom >"$1/random"', "sh", overlay.merged]);
  const abort = new AbortController();
  const asked = request([bind(overlay.lower)], mountsOf(overlay), { mediaType: "", ref: "mine" });
  const made = makeDiff(rooms.content, rooms.workers, scope, asked, abort.signal);
  while ((await rooms.content.statuses(scope)).every(({ offset }) => offset === 0n)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  abort.abort(new CtrError(Code.Canceled, "enough"));
  await assert.rejects(made, /enough/);
  assert.deepEqual(await rooms.content.statuses(scope), []);
  const mounts = Deno.readTextFileSync("/proc/self/mounts").split("\n");
  assert.deepEqual(
    mounts.filter((line) => line.includes(overlay.lower) && !line.includes(overlay.merged)),
    [],
  );
});

Deno.test("two at once under one name: the second is told to wait", async () => {
  await using rooms = await openRooms();
  await using scratch = await Scratch.make("shm");
  await using overlay = await Overlay.make(scratch.join("o"), fill);
  const asked = request([], mountsOf(overlay), { ref: "same" });
  const made = [asked, asked].map((one) => makeDiff(rooms.content, rooms.workers, scope, one));
  const settled = await Promise.allSettled(made);
  assert.deepEqual(settled.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  const failed = settled.find((one) => one.status === "rejected")!;
  assert.equal((failed.reason as CtrError).code, Code.Unavailable);
});
