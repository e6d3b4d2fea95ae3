/** Deleting subvolumes, with those that somebody has made in them. */
import {
  closeFd,
  CName,
  deleteSubvolume,
  Errno,
  FileType,
  holdsSubvolume,
  listDirectoryFd,
  Open,
  openAt,
  openDirectory,
  setSubvolumeAccess,
  statAt,
  subvolumeId,
  subvolumeInode,
  syncSubvolumes,
  SystemError,
} from "../sys/mod.ts";

/** How long the space of deleted subvolumes is waited for: one that is still mounted keeps it until then. */
const patience = 10_000;
const pollEvery = 20;

export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Deletes subvolumes of one directory. They are gone at once; the kernel frees their space later. */
export class SubvolumeRemovals {
  readonly #root: string;
  readonly #going = new Set<bigint>();

  constructor(root: string) {
    this.#root = root;
  }

  async remove(name: string): Promise<void> {
    const path = `${this.#root}/${name}`;
    this.#going.add(subvolumeId(path));
    try {
      await deleteSubvolume(this.#root, name);
    } catch (error) {
      if (!(error instanceof SystemError) || error.errno !== Errno.ENOTEMPTY) throw error;
      await this.#removeNested(path);
      await deleteSubvolume(this.#root, name);
    }
  }

  /** A container may make subvolumes: no privilege is needed for that. */
  async #removeNested(path: string): Promise<void> {
    await setSubvolumeAccess(path, "rw");
    for (const [directory, name] of nestedIn(path)) {
      await this.#removeNested(`${directory}/${name}`);
      this.#going.add(subvolumeId(`${directory}/${name}`));
      await deleteSubvolume(directory, name);
    }
  }

  /** Waits until the space of all that was removed before this call is free, for ten seconds at most. */
  async finished(): Promise<void> {
    if (this.#going.size === 0) return;
    const ids = [...this.#going];
    // What is deleted is cleaned up after its transaction, and given free by the next.
    await syncSubvolumes(this.#root);
    const fd = openDirectory(this.#root);
    try {
      const end = performance.now() + patience;
      while (ids.some((id) => holdsSubvolume(fd, id)) && performance.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, pollEvery));
      }
    } finally {
      closeFd(fd);
    }
    for (const id of ids) this.#going.delete(id);
    await syncSubvolumes(this.#root);
  }
}

/** The subvolumes below a directory, without those in them: each as its directory and its name. */
function nestedIn(path: string): [directory: string, name: string][] {
  const found: [string, string][] = [];
  const cname = new CName();
  const visit = (fd: number, directory: string) => {
    for (const name of listDirectoryFd(fd)) {
      const stat = statAt(fd, cname.set(name));
      if (typeof stat === "number" || (stat.mode & FileType.MASK) !== FileType.DIRECTORY) continue;
      const child = openAt(fd, cname.set(name), Open.DIRECTORY | Open.NOFOLLOW);
      if (child < 0) continue;
      try {
        if (stat.inode === subvolumeInode) found.push([directory, textOf(name)]);
        else visit(child, `${directory}/${textOf(name)}`);
      } finally {
        closeFd(child);
      }
    }
  };
  const fd = openDirectory(path);
  try {
    visit(fd, path);
  } finally {
    closeFd(fd);
  }
  return found;
}

/** A name of bytes in a string as text. */
const textOf = (name: string) =>
  new TextDecoder().decode(Uint8Array.from(name, (char) => char.charCodeAt(0)));
