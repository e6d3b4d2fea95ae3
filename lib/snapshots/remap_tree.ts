/**
 * Giving a file tree to the users of a user namespace: every file's owner becomes the id that stands for it on the
 * host. What a change of owner drops (set-user-ID bits, capabilities) is put back.
 */
import { failedPrecondition } from "../errors.ts";
import { type IdMappings, toHost } from "../id_mappings.ts";
import {
  ACCESS_LISTS,
  accessListWith,
  CAPABILITY,
  capabilityFor,
  chmodPathFd,
  chownAt,
  closeFd,
  CName,
  type FileStat,
  FileType,
  getXattrAt,
  listDirectoryFd,
  Open,
  openAt,
  openDirectory,
  setXattrAt,
  statAt,
  succeed,
  SystemError,
} from "../sys/mod.ts";
import { Turns } from "./pause.ts";

/** A name whose characters are bytes (0-255). */
type ByteName = string;

const SPECIAL_BITS = 0o7000;
const cname = new CName();

/**
 * Changes the owners of everything in `root`, and its own. Times stay as they are; other work goes on meanwhile.
 * Throws FailedPrecondition for a file whose owner has no id on the host: by then others have been changed.
 */
export async function remapTree(root: string, mappings: IdMappings): Promise<void> {
  const fd = openDirectory(root);
  try {
    const walk = new Remapping(mappings);
    walk.remap(fd, "", "/");
    await walk.children(fd, "");
  } finally {
    closeFd(fd);
  }
}

class Remapping {
  readonly #mappings: IdMappings;
  readonly #turns = new Turns();
  /** The first owners of files with several names. */
  readonly #linked = new Map<string, { uid: number; gid: number }>();

  constructor(mappings: IdMappings) {
    this.#mappings = mappings;
  }

  async children(dir: number, path: ByteName): Promise<void> {
    for (const name of listDirectoryFd(dir)) {
      if (this.#turns.over()) await this.#turns.next();
      const below = `${path}/${name}`;
      const { mode } = this.remap(dir, name, below);
      if ((mode & FileType.MASK) === FileType.DIRECTORY) await this.#child(dir, name, below);
    }
  }

  async #child(dir: number, name: ByteName, path: ByteName): Promise<void> {
    const fd = succeed(openAt(dir, cname.set(name), Open.DIRECTORY | Open.NOFOLLOW), `open ${path}`);
    try {
      await this.children(fd, path);
    } finally {
      closeFd(fd);
    }
  }

  /** Changes one file, the directory itself for an empty name; gives what it was. */
  remap(dir: number, name: ByteName, path: ByteName): FileStat {
    const stat = statAt(dir, cname.set(name));
    if (typeof stat === "number") throw new SystemError(`stat ${path}`, -stat);
    if (this.#done(stat)) return stat;
    const uid = toHost(this.#mappings.uids, stat.uid);
    const gid = toHost(this.#mappings.gids, stat.gid);
    if (uid === undefined) throw outside(path, "user", stat.uid);
    if (gid === undefined) throw outside(path, "group", stat.gid);
    if (uid === stat.uid && gid === stat.gid) return stat;
    this.#chown(dir, name, path, stat.mode, { uid, gid });
    return stat;
  }

  #chown(
    dir: number,
    name: ByteName,
    path: ByteName,
    mode: number,
    owner: { uid: number; gid: number },
  ): void {
    const type = mode & FileType.MASK;
    const capability = type === FileType.REGULAR ? getXattrAt(dir, name, CAPABILITY) : undefined;
    succeed(chownAt(dir, cname.set(name || "."), owner.uid, owner.gid), `chown ${path}`);
    if (type !== FileType.SYMLINK && mode & SPECIAL_BITS) chmod(dir, name, path, mode & 0o7777);
    if (capability) {
      const mapped = capabilityFor(capability, this.#mappings.uids);
      succeed(setXattrAt(dir, name, CAPABILITY, mapped), `set ${CAPABILITY} of ${path}`);
    }
    if (type !== FileType.SYMLINK) this.#giveLists(dir, name, path);
  }

  /** Access lists speak of ids, too. */
  #giveLists(dir: number, name: ByteName, path: ByteName): void {
    for (const key of ACCESS_LISTS) {
      const list = getXattrAt(dir, name, key);
      if (!list) continue;
      const mapped = accessListWith(list, (kind, id) => {
        const host = toHost(this.#mappings[kind], id);
        if (host === undefined) throw outside(path, kind === "uids" ? "user" : "group", id);
        return host;
      });
      succeed(setXattrAt(dir, name, key, mapped), `set ${key} of ${path}`);
    }
  }

  /**
   * Whether a file got its owner under another name. On an overlay the names part at the first change, and what is
   * found under the others is the old file with its old owner, which has still to be changed.
   */
  #done(stat: FileStat): boolean {
    if (stat.links === 1 || (stat.mode & FileType.MASK) === FileType.DIRECTORY) return false;
    const key = `${stat.filesystem}:${stat.inode}`;
    const first = this.#linked.get(key);
    if (!first) this.#linked.set(key, { uid: stat.uid, gid: stat.gid });
    return first !== undefined && (first.uid !== stat.uid || first.gid !== stat.gid);
  }
}

function chmod(dir: number, name: ByteName, path: ByteName, mode: number): void {
  const fd = succeed(openAt(dir, cname.set(name || "."), Open.PATH | Open.NOFOLLOW), `open ${path}`);
  try {
    succeed(chmodPathFd(fd, mode), `chmod ${path}`);
  } finally {
    closeFd(fd);
  }
}

const outside = (path: ByteName, what: string, id: number) =>
  failedPrecondition(`${path} belongs to ${what} ${id}, which the id mappings leave out`);
