/**
 * Deletions in a layer (OCI image spec, "Whiteouts"): `.wh.NAME` hides NAME of the layers below, `.wh..wh..opq`
 * hides all that they have in its directory. What the layer itself holds stays, in whichever order it comes.
 *
 * Two forms: "overlay" writes what overlayfs reads in an upper directory, without looking at lower layers;
 * "plain" removes from a tree that shows them.
 */
import { invalidArgument } from "../errors.ts";
import {
  chownAt,
  closeFd,
  Errno,
  FileType,
  listDirectoryFd,
  makeNodeAt,
  Open,
  openAt,
  setXattrFd,
  succeed,
} from "../sys/mod.ts";
import { type ByteText, quote } from "./names.ts";
import { isWhiteout, join, nul, split, type Tree } from "./tree.ts";

export type Form = "overlay" | "plain";

const PREFIX = ".wh.";
const OPAQUE = ".wh..wh..opq";
const OPAQUE_XATTR = "trusted.overlay.opaque";

export const isWhiteoutName = (name: ByteText) => name.startsWith(PREFIX);

/** How one form treats deletions. */
export interface Whiteouts {
  /** Hides `name` of the layers below; `owner` is the whiteout's own. */
  hide(dirFd: number, name: ByteText, owner: { uid: number; gid: number }): void;
  /** Hides all that the layers below have in the directory. */
  hideAll(dirFd: number): void;
  /** Notes that this layer has put something there. */
  placed(dirFd: number, name: ByteText): void;
}

/** Applies a whiteout entry. Throws InvalidArgument for names that would hide "", "." or "..". */
export function applyWhiteout(
  whiteouts: Whiteouts,
  dirFd: number,
  base: ByteText,
  owner: { uid: number; gid: number },
): void {
  if (base === OPAQUE) return whiteouts.hideAll(dirFd);
  const name = base.slice(PREFIX.length);
  if (name === "" || name === "." || name === "..") {
    throw invalidArgument(`whiteout ${quote(base)} hides no file`);
  }
  whiteouts.hide(dirFd, name, owner);
}

/** Marks a directory so that overlayfs shows nothing of the layers below in it. */
export const markOpaque = (fd: number) =>
  succeed(setXattrFd(fd, OPAQUE_XATTR, Uint8Array.of(0x79)), `set ${OPAQUE_XATTR}`);

/** Overlayfs's own form (kernel Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories"). */
export function overlayWhiteouts(): Whiteouts {
  return {
    hide(dirFd, name, { uid, gid }) {
      const made = makeNodeAt(dirFd, nul(name), FileType.CHAR, { major: 0, minor: 0 });
      if (made >= 0) return void succeed(chownAt(dirFd, nul(name), uid, gid), "chown");
      if (made !== -Errno.EEXIST) succeed(made, "make whiteout");
      // The layer has it itself, which hides a lower file anyway, but would be merged with a lower directory.
      const fd = openAt(dirFd, nul(name), Open.DIRECTORY | Open.NOFOLLOW);
      if (fd === -Errno.ENOTDIR || fd === -Errno.ELOOP) return;
      succeed(fd, "open");
      try {
        markOpaque(fd);
      } finally {
        closeFd(fd);
      }
    },
    hideAll: markOpaque,
    placed() {},
  };
}

/** Removal from a tree that shows the layers below. */
export function plainWhiteouts(tree: () => Tree): Whiteouts {
  /** Paths that this layer has put there, and all directories above them. */
  const ours = new Set<ByteText>();

  /** Removes from a directory what isn't ours. */
  const prune = (fd: number, path: ByteText) => {
    for (const name of listDirectoryFd(fd)) {
      const child = join(path, name);
      if (!ours.has(child)) tree().remove(fd, name);
      else pruneChild(fd, name, child);
    }
  };
  const pruneChild = (dirFd: number, name: ByteText, path: ByteText) => {
    const fd = openAt(dirFd, nul(name), Open.DIRECTORY | Open.NOFOLLOW);
    if (fd === -Errno.ENOTDIR || fd === -Errno.ELOOP) return;
    succeed(fd, "open");
    try {
      prune(fd, path);
    } finally {
      closeFd(fd);
    }
  };

  return {
    hide(dirFd, name) {
      const path = join(tree().pathOf(dirFd), name);
      if (ours.has(path)) pruneChild(dirFd, name, path);
      else tree().remove(dirFd, name);
    },
    hideAll(dirFd) {
      const again = succeed(openAt(dirFd, nul("."), Open.DIRECTORY), "open");
      try {
        prune(again, tree().pathOf(dirFd));
      } finally {
        closeFd(again);
      }
    },
    placed(dirFd, name) {
      for (let path = join(tree().pathOf(dirFd), name); path !== "" && !ours.has(path);) {
        ours.add(path);
        path = split(path)[0];
      }
    },
  };
}

/** Whether something that stands in a new directory's way is a whiteout of this layer's own. */
export function hidesLower(tree: Tree, dirFd: number, name: ByteText): boolean {
  const stat = tree.stat(dirFd, name);
  return stat !== undefined && isWhiteout(stat);
}
