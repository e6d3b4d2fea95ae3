/** Copying one file's bytes: shared blocks where the file system can, else copied by the kernel, holes kept. */
import {
  cloneFile,
  copyRange,
  copyRangeAside,
  Errno,
  type FileStat,
  seekData,
  seekHole,
  succeed,
  truncateFd,
} from "../sys/mod.ts";

/** What is copied on the caller's thread: a millisecond's work. */
const small = 1 << 20;
/** What is copied in one call. */
const piece = 64 << 20;
const blockSize = 512;

/** The file system, or the kernel, can't share these blocks. */
const cannotClone: readonly number[] = [
  Errno.EOPNOTSUPP,
  Errno.EXDEV,
  Errno.EINVAL,
  Errno.ENOTTY,
  Errno.ENOSYS,
];

/** Copies the bytes of files from one tree to another. */
export class FileCopier {
  /** Until the first refusal. */
  #clones = true;

  /**
   * Fills the empty file `to`. Gives a promise where it takes long. Throws a SystemError for what the kernel
   * refuses.
   */
  copy(from: number, to: number, stat: FileStat): Promise<void> | undefined {
    const { size, blocks } = stat;
    if (size === 0 || this.#cloned(from, to)) return undefined;
    if (blocks * blockSize < size) return copyExtents(from, to, size);
    if (size > small) return copyAside(from, to, 0, size);
    for (let offset = 0; offset < size;) {
      const copied = succeed(copyRange(from, to, { offset, length: size - offset }), "copy file");
      if (copied === 0) return undefined;
      offset += copied;
    }
    return undefined;
  }

  #cloned(from: number, to: number): boolean {
    if (!this.#clones) return false;
    const code = cloneFile(from, to);
    if (code >= 0) return true;
    if (!cannotClone.includes(-code)) succeed(code, "clone file");
    return this.#clones = false;
  }
}

/** Copies what isn't a hole. */
async function copyExtents(from: number, to: number, size: number): Promise<void> {
  succeed(truncateFd(to, size), "set size");
  for (let at = 0; at < size;) {
    const start = seekData(from, at);
    if (start === -Errno.ENXIO) return;
    const end = succeed(seekHole(from, succeed(start, "find data")), "find hole");
    await copyAside(from, to, start, end);
    at = end;
  }
}

async function copyAside(from: number, to: number, start: number, end: number): Promise<void> {
  for (let offset = start; offset < end;) {
    const length = Math.min(end - offset, piece);
    const copied = succeed(await copyRangeAside(from, to, { offset, length }), "copy file");
    if (copied === 0) return;
    offset += copied;
  }
}
