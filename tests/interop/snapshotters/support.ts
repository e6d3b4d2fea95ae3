/** Our daemon and Debian's with the same images, on file systems that carry the same snapshotters. */
import assert from "node:assert/strict";
import {
  busyboxRootfs,
  type Containerd,
  imageOfDirs,
  type Layout,
  type Longshore,
  mountBtrfs,
  must,
  type Output,
  push,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";

export const snapshotters = ["native", "btrfs"] as const;
export type Name = typeof snapshotters[number];

/** Standard output of a command that must succeed. */
export async function out(running: Promise<Output>): Promise<string> {
  const { code, stdout, stderr } = await running;
  assert.equal(code, 0, stderr + stdout);
  return stdout;
}

const onBtrfs = (dir: string) => mountBtrfs(`${dir}/root`);

/** What one test runs against. */
export interface Pair {
  readonly ours: Longshore;
  readonly theirs: Containerd;
  readonly scratch: Scratch;
  readonly image: string;
}

/** Runs `work` with an image of `make` pulled into both with the snapshotter `name`. */
export async function withBoth(
  name: Name,
  make: (scratch: Scratch) => Promise<Layout>,
  work: (pair: Pair) => Promise<void>,
): Promise<void> {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  const prepare = name === "btrfs" ? onBtrfs : undefined;
  await using ours = await startLongshore({ where: "shm", prepare });
  await using theirs = await startContainerd("shm", {}, prepare);
  const image = await push(await make(scratch), registry, "image:1");
  const pull = ["images", "pull", "--plain-http", "--snapshotter", name, image];
  await out(ours.ctr(pull));
  await out(theirs.ctr(pull));
  await work({ ours, theirs, scratch, image });
}

/** busybox in three layers of every kind of file: the second one changes and deletes what the first one has, the third one of both. */
export async function layeredBusybox(scratch: Scratch): Promise<Layout> {
  const layer = (n: number) => scratch.join(`layer${n}`);
  await busyboxRootfs(layer(1));
  const script = `
    mkdir -p "$1/data/kept" "$1/data/gone"; head -c 50000 /dev/urandom >"$1/data/kept/a"; echo x >"$1/data/gone/b"
    mknod "$1/data/char" c 1 3; mkfifo -m 0604 "$1/data/fifo"; ln "$1/data/kept/a" "$1/data/hard"; ln -s /data "$1/link"
    cp /bin/busybox "$1/data/setid"; chown 7:8 "$1/data/setid"; chmod 6755 "$1/data/setid"; mkdir -m 2775 "$1/shared"
    cp /bin/busybox "$1/data/caps"; setcap cap_net_raw=ep "$1/data/caps"; setfattr -n user.note -v hi "$1/shared"
    echo odd >"$1/data/$(printf 'raw\\377name')"; touch -d '2001-02-03 04:04:05.006789012 UTC' "$1/data/char" "$1/shared"
    mkdir -p "$2/data/kept" "$2/etc"; : >"$2/data/.wh.gone"; echo second >"$2/data/kept/b"; echo motd >"$2/etc/motd"
    mkdir -p "$3/data/gone" "$3/data/kept"; : >"$3/data/kept/.wh..wh..opq"; echo third >"$3/data/gone/c"`;
  await must("sh", ["-ec", script, "sh", layer(1), layer(2), layer(3)]);
  return await imageOfDirs(scratch.join("layered"), [1, 2, 3].map(layer), ["--config.cmd", "sh"]);
}

/** Lines of a table without its head, their columns by blanks. */
export const rows = (table: string) =>
  table.trim().split("\n").slice(1).map((line) => line.split(/\s+/).filter((word) => word));
