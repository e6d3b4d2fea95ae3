/** Disk use of a file tree, as `du` counts it: allocated blocks, each inode once. */
import {
  closeFd,
  CName,
  Errno,
  type FileStat,
  FileType,
  listDirectoryFd,
  Open,
  openAt,
  openDirectory,
  statAt,
  SystemError,
} from "../sys/mod.ts";
import { Turns } from "./pause.ts";
import type { Usage } from "./snapshotter.ts";

const blockSize = 512;

/** Disk use of everything below the directory `path`, itself included. Throws NotFound without it. */
export async function diskUsage(path: string): Promise<Usage> {
  const count = new Count();
  const root = openDirectory(path);
  try {
    count.add(statOf(root)!);
    await countBelow(root, undefined, count);
  } finally {
    closeFd(root);
  }
  return count.usage();
}

/**
 * Disk use of what is at `path` and isn't the same at `base`, which it has been a snapshot of: files that were
 * changed in any way, and directories that are new or whose owner or mode is.
 */
export async function changedUsage(path: string, base: string): Promise<Usage> {
  const count = new Count();
  const root = openDirectory(path);
  try {
    const below = openDirectory(base);
    try {
      await countBelow(root, below, count);
    } finally {
      closeFd(below);
    }
  } finally {
    closeFd(root);
  }
  return count.usage();
}

class Count {
  readonly #seen = new Set<string>();
  #size = 0;
  readonly turns = new Turns();

  add({ filesystem, inode, blocks }: FileStat): void {
    const key = `${filesystem}:${inode}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#size += blocks * blockSize;
  }

  usage(): Usage {
    return { size: this.#size, inodes: this.#seen.size };
  }
}

const isDirectory = ({ mode }: FileStat) => (mode & FileType.MASK) === FileType.DIRECTORY;

/** Counts everything in an open directory that isn't the same in `baseFd`. */
async function countBelow(dirFd: number, baseFd: number | undefined, count: Count): Promise<void> {
  for (const name of listDirectoryFd(dirFd)) {
    if (count.turns.over()) await count.turns.next();
    const stat = statOf(dirFd, name);
    if (!stat) continue;
    const base = baseFd === undefined ? undefined : statOf(baseFd, name);
    if (!base || !isSame(stat, base)) count.add(stat);
    if (!isDirectory(stat)) continue;
    using child = open(dirFd, name);
    using below = base && isDirectory(base) ? open(baseFd!, name) : undefined;
    if (child) await countBelow(child.fd, below?.fd, count);
  }
}

/**
 * A file of a snapshot that nobody touched is the same inode, changed last at the same time; one that has only got
 * or lost another name too.
 */
function isSame(one: FileStat, other: FileStat): boolean {
  if (one.mode !== other.mode || one.uid !== other.uid || one.gid !== other.gid) return false;
  if (isDirectory(one)) return true;
  if (one.inode !== other.inode || one.size !== other.size) return false;
  return one.links === other.links ? isAt(one.ctime, other.ctime) : isAt(one.mtime, other.mtime);
}

const isAt = (one: FileStat["ctime"], other: FileStat["ctime"]) =>
  one.seconds === other.seconds && one.nanos === other.nanos;

const cname = new CName();

/** A running container's files come and go, and become others. */
const gone: readonly number[] = [Errno.ENOENT, Errno.ENOTDIR, Errno.ELOOP];

function statOf(dirFd: number, name = ""): FileStat | undefined {
  const stat = statAt(dirFd, cname.set(name));
  if (typeof stat !== "number") return stat;
  if (gone.includes(-stat)) return undefined;
  throw new SystemError("statx", -stat);
}

function open(dirFd: number, name: string): Disposable & { readonly fd: number } | undefined {
  const fd = openAt(dirFd, cname.set(name), Open.DIRECTORY | Open.NOFOLLOW);
  if (fd >= 0) return { fd, [Symbol.dispose]: () => closeFd(fd) };
  if (gone.includes(-fd)) return undefined;
  throw new SystemError("openat", -fd);
}
