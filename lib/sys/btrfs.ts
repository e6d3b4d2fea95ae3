/**
 * Subvolumes of btrfs: file trees of their own that share blocks (linux/btrfs.h). A subvolume is named by a
 * directory of the same file system and its name in there.
 */
import { Code, CtrError } from "../errors.ts";
import { check, cstring, libc } from "./libc.ts";
import { closeFd, openDirectory } from "./files.ts";

const symbols = { ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" } } as const;
const c = libc(symbols);
// A snapshot waits for the disk, so it has a thread; errno is lost there, hence the retry when it fails.
const slow = libc({ ioctl: { ...symbols.ioctl, nonblocking: true } });

const SYNC = 0x9408n;
const TREE_SEARCH = 0xd0009411n;
const INO_LOOKUP = 0xd0009412n;
const SNAP_DESTROY = 0x5000940fn;
const SNAP_CREATE_V2 = 0x50009417n;
const SUBVOL_CREATE_V2 = 0x50009418n;
const SUBVOL_GETFLAGS = 0x80089419n;
const SUBVOL_SETFLAGS = 0x4008941an;

const argumentSize = 4096;
const READ_ONLY = 2n;
const ROOT_TREE = 1n;
const ROOT_ITEM = 132;
/** The inode of every subvolume's root directory. */
export const subvolumeInode = 256n;

/** The arguments of a call on the subvolume `name`, which has its place at `offset`. */
function named(name: string, offset: number): Uint8Array<ArrayBuffer> {
  const bytes = cstring(name);
  if (bytes.length > 256) throw new CtrError(Code.InvalidArgument, `subvolume name ${name} is too long`);
  const args = new Uint8Array(argumentSize);
  args.set(bytes, offset);
  return args;
}

async function within<T>(directory: string, work: (fd: number) => T | Promise<T>): Promise<T> {
  const fd = openDirectory(directory);
  try {
    return await work(fd);
  } finally {
    closeFd(fd);
  }
}

async function call(fd: number, request: bigint, args: Uint8Array<ArrayBuffer>, what: string): Promise<void> {
  if (await slow.ioctl(fd, request, args) === -1) check(c.ioctl(fd, request, args), what);
}

/** Makes an empty subvolume. */
export function createSubvolume(directory: string, name: string): Promise<void> {
  const what = `create subvolume ${directory}/${name}`;
  return within(directory, (fd) => call(fd, SUBVOL_CREATE_V2, named(name, 56), what));
}

/** Makes a writable subvolume with the content that the one at `source` has now. */
export function snapshotSubvolume(source: string, directory: string, name: string): Promise<void> {
  const args = named(name, 56);
  const what = `snapshot subvolume ${source} to ${directory}/${name}`;
  return within(source, (from) => {
    new DataView(args.buffer).setBigInt64(0, BigInt(from), true);
    return within(directory, (fd) => call(fd, SNAP_CREATE_V2, args, what));
  });
}

/** Deletes a subvolume that has no others in it; its space comes free later. */
export function deleteSubvolume(directory: string, name: string): Promise<void> {
  const what = `delete subvolume ${directory}/${name}`;
  return within(directory, (fd) => call(fd, SNAP_DESTROY, named(name, 8), what));
}

/** Lets nobody change a subvolume, however it is mounted, or lets them again. */
export async function setSubvolumeAccess(path: string, access: "ro" | "rw"): Promise<void> {
  await within(path, async (fd) => {
    const flags = new BigUint64Array(1);
    const bytes = new Uint8Array(flags.buffer);
    check(c.ioctl(fd, SUBVOL_GETFLAGS, bytes), `read flags of subvolume ${path}`);
    const wanted = access === "ro" ? flags[0]! | READ_ONLY : flags[0]! & ~READ_ONLY;
    if (flags[0] === wanted) return;
    flags[0] = wanted;
    await call(fd, SUBVOL_SETFLAGS, bytes, `set flags of subvolume ${path}`);
  });
}

/** The number by which a subvolume is mounted. */
export function subvolumeId(path: string): bigint {
  const args = new Uint8Array(argumentSize);
  const view = new DataView(args.buffer);
  view.setBigUint64(8, subvolumeInode, true);
  const fd = openDirectory(path);
  try {
    check(c.ioctl(fd, INO_LOOKUP, args), `look up subvolume ${path}`);
  } finally {
    closeFd(fd);
  }
  return view.getBigUint64(0, true);
}

/** Waits until what was written is on disk, and has the kernel begin with cleaning up what was deleted. */
export function syncSubvolumes(directory: string): Promise<void> {
  return within(directory, (fd) => call(fd, SYNC, new Uint8Array(8), `sync ${directory}`));
}

/** Whether the file system of an open directory still holds a subvolume, deleted or not. */
export function holdsSubvolume(fd: number, id: bigint): boolean {
  const args = new Uint8Array(argumentSize);
  const view = new DataView(args.buffer);
  const most = 2n ** 64n - 1n;
  // Tree, least and greatest object, offset and transaction; then types, and how many answers are wanted.
  for (const [n, value] of [ROOT_TREE, id, id, 0n, most, 0n, most].entries()) {
    view.setBigUint64(n * 8, value, true);
  }
  for (const [n, value] of [ROOT_ITEM, ROOT_ITEM, 1].entries()) view.setUint32(56 + n * 4, value, true);
  check(c.ioctl(fd, TREE_SEARCH, args), `search subvolume ${id}`);
  return view.getUint32(64, true) > 0;
}
