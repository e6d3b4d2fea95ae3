import assert from "node:assert/strict";
import {
  busyboxImage,
  imageOfDirs,
  type Layout,
  must,
  push,
  richImage,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { compareTrees, type Difference, readTree } from "../../harness/tree.ts";

type Ctr = (args: string[]) => Promise<{ code: number; stdout: string; stderr: string }>;

/** The tree of an unpacked image, as its own daemon mounts it. */
async function treeOf(ctr: Ctr, reference: string, scratch: Scratch, name: string) {
  const listed = (await expectOk(ctr, ["snapshots", "ls"])).trim().split("\n").slice(1).map((line) =>
    line.split(/\s+/)
  );
  const parents = listed.map(([, parent]) => parent);
  const leaf = listed.map(([key]) => key!).find((key) => !parents.includes(key))!;
  const target = scratch.join(name);
  await Deno.mkdir(target);
  await expectOk(ctr, ["snapshots", "view", `view-${name}`, leaf]);
  const mount = await expectOk(ctr, ["snapshots", "mounts", target, `view-${name}`]);
  await must("sh", ["-c", mount]);
  try {
    return readTree(target);
  } finally {
    // A process that was just started from this one may have its files open for a moment more.
    await must("sh", ["-c", 'for n in 1 2 3 4 5; do umount "$0" && exit; sleep 0.2; done; exit 1', target]);
    await expectOk(ctr, ["snapshots", "rm", `view-${name}`]);
    await expectOk(ctr, ["images", "rm", "--sync", reference]);
  }
}

async function expectOk(ctr: Ctr, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await ctr(args);
  assert.equal(code, 0, `ctr ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Pulls the same image with both daemons and compares what each unpacked, entry by entry. */
async function compare(make: (scratch: Scratch) => Promise<Layout>, how: string[] = []): Promise<number> {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  await using ours = await startLongshore({ where: "shm" });
  await using theirs = await startContainerd("shm");
  const reference = await push(await make(scratch), registry, "image:latest", how);
  await expectOk((args) => ours.ctr(args), ["images", "pull", reference]);
  await expectOk((args) => theirs.ctr(args), ["images", "pull", "--plain-http", reference]);
  const here = await treeOf((args) => ours.ctr(args), reference, scratch, "ours");
  const there = await treeOf((args) => theirs.ctr(args), reference, scratch, "theirs");
  // A layer that describes the root itself gives it its time; containerd leaves it the time of unpacking.
  const ofRoot = ({ path, field }: Difference) => path === "" && field === "mtime";
  assert.deepEqual(compareTrees(there, here, ofRoot), []);
  return here.size;
}

Deno.test("the rich image unpacks to the same tree as with containerd: five layers, over 10,000 files", async () => {
  assert.ok(await compare(richImage) > 10_000);
});

Deno.test("an image of Docker schema 2 unpacks to the same tree", async () => {
  assert.ok(await compare(busyboxImage, ["--format", "v2s2"]) > 100);
});

Deno.test("an image with zstd layers unpacks to the same tree", async () => {
  assert.ok(await compare(busyboxImage, ["--dest-compress-format", "zstd", "--dest-compress"]) > 100);
});

Deno.test("an image of the host's own files unpacks to the same tree", async () => {
  const hostFiles = async (scratch: Scratch) => {
    const root = scratch.join("host");
    await must("sh", [
      "-c",
      'mkdir -p "$1/usr" && cp -a /etc "$1/etc" && cp -a /usr/sbin /var/lib/dpkg/info "$1/usr/"',
      "sh",
      root,
    ]);
    return await imageOfDirs(scratch.join("host-image"), [root]);
  };
  assert.ok(await compare(hostFiles) > 1000);
});
