/** Disk use of a file tree, as `du` counts it: allocated blocks, each inode once. */
import {
  closeFd,
  CName,
  Errno,
  FileType,
  listDirectoryFd,
  Open,
  openAt,
  openDirectory,
  statAt,
  SystemError,
} from "../sys/mod.ts";
import type { Usage } from "./snapshotter.ts";

const blockSize = 512;
/** Files looked at in one go: a few milliseconds, then others have their turn. */
const batch = 1000;

/** Disk use of everything below the directory `path`, itself included. Throws NotFound without it. */
export async function diskUsage(path: string): Promise<Usage> {
  const count = new Count();
  const root = openDirectory(path);
  try {
    count.add(root);
    let looked = 0;
    for (const _ of walk(root, count)) {
      if (++looked % batch === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
  } finally {
    closeFd(root);
  }
  return { size: count.size, inodes: count.seen.size };
}

class Count {
  readonly seen = new Set<bigint>();
  size = 0;
  readonly #name = new CName();

  /** Counts `name` in a directory, or the directory itself. True for a directory that wasn't seen yet. */
  add(dirFd: number, name = ""): boolean {
    const stat = statAt(dirFd, this.#name.set(name));
    if (typeof stat === "number") return ignoreGone(stat, "statx");
    if (this.seen.has(stat.inode)) return false;
    this.seen.add(stat.inode);
    this.size += stat.blocks * blockSize;
    return (stat.mode & FileType.MASK) === FileType.DIRECTORY;
  }
}

/** Visits everything below an open directory, one file a step. */
function* walk(dirFd: number, count: Count): Generator<void> {
  const cname = new CName();
  for (const name of listDirectoryFd(dirFd)) {
    yield;
    if (!count.add(dirFd, name)) continue;
    const fd = openAt(dirFd, cname.set(name), Open.DIRECTORY | Open.NOFOLLOW);
    if (fd < 0) {
      ignoreGone(fd, "openat");
      continue;
    }
    try {
      yield* walk(fd, count);
    } finally {
      closeFd(fd);
    }
  }
}

/** A running container's files come and go, and become others. */
function ignoreGone(code: number, call: string): false {
  if (code === -Errno.ENOENT || code === -Errno.ENOTDIR || code === -Errno.ELOOP) return false;
  throw new SystemError(call, -code);
}
