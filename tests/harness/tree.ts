/** Reads file trees whole and compares them entry by entry: what two unpackers have made of the same layers. */
import { createHash } from "node:crypto";
import {
  closeFd,
  CName,
  type FileStat,
  FileType,
  getXattrAt,
  listDirectoryFd,
  listXattrsAt,
  Open,
  openAt,
  openDirectory,
  readLinkAt,
  statAt,
  succeed,
} from "../../lib/sys/mod.ts";

/** One file with everything that can differ; names and targets have one character a byte. */
export interface TreeEntry {
  type: "file" | "directory" | "symlink" | "char" | "block" | "fifo" | "socket";
  /** Permissions with setuid, setgid and sticky, in octal. */
  mode: string;
  owner: string;
  /** Seconds and nanoseconds. */
  mtime: string;
  links: number;
  /** The paths in the tree that are the same file as this one, if there are several. */
  sameAs: string;
  /** "size sha256" of a file. */
  content: string;
  /** "major:minor" of a device. */
  device: string;
  target: string;
  /** "name=hex" of each extended attribute, in order. */
  xattrs: string;
}

/** A tree's entries by their path from its root; the root itself is "". */
export type Tree = Map<string, TreeEntry>;

/** One thing that two trees don't agree on. */
export interface Difference {
  path: string;
  /** A field, or "entry" if one tree lacks the path. */
  field: keyof TreeEntry | "entry";
  a: string;
  b: string;
}

const types: Record<number, TreeEntry["type"]> = {
  [FileType.REGULAR]: "file",
  [FileType.DIRECTORY]: "directory",
  [FileType.SYMLINK]: "symlink",
  [FileType.CHAR]: "char",
  [FileType.BLOCK]: "block",
  [FileType.FIFO]: "fifo",
};
const cname = new CName();

/** Reads all that is under `dir`; mounts and symlinks are not followed. */
export function readTree(dir: string): Tree {
  const tree: Tree = new Map();
  const inodes = new Map<bigint, string[]>();
  const root = openDirectory(dir);
  try {
    const stat = statOf(root, ".");
    tree.set("", describe(root, ".", stat));
    walk(root, "", tree, inodes);
  } finally {
    closeFd(root);
  }
  for (const paths of inodes.values()) {
    if (paths.length === 1) continue;
    const sameAs = paths.sort().join(" ");
    for (const path of paths) tree.get(path)!.sameAs = sameAs;
  }
  return tree;
}

function walk(fd: number, path: string, tree: Tree, inodes: Map<bigint, string[]>) {
  for (const name of listDirectoryFd(fd)) {
    const child = path ? `${path}/${name}` : name;
    const stat = statOf(fd, name);
    const entry = describe(fd, name, stat);
    tree.set(child, entry);
    if (entry.type !== "directory") inodes.set(stat.inode, [...inodes.get(stat.inode) ?? [], child]);
    else descend(fd, name, child, tree, inodes);
  }
}

function descend(fd: number, name: string, path: string, tree: Tree, inodes: Map<bigint, string[]>) {
  const child = succeed(openAt(fd, cname.set(name), Open.DIRECTORY | Open.NOFOLLOW), `open ${path}`);
  try {
    walk(child, path, tree, inodes);
  } finally {
    closeFd(child);
  }
}

function statOf(fd: number, name: string): FileStat {
  const stat = statAt(fd, cname.set(name));
  if (typeof stat === "number") throw new Error(`stat ${name}: errno ${-stat}`);
  return stat;
}

function describe(fd: number, name: string, stat: FileStat): TreeEntry {
  const type = types[stat.mode & FileType.MASK] ?? "socket";
  const device = type === "char" || type === "block";
  return {
    type,
    mode: (stat.mode & 0o7777).toString(8).padStart(4, "0"),
    owner: `${stat.uid}:${stat.gid}`,
    mtime: `${stat.mtime.seconds}.${String(stat.mtime.nanos).padStart(9, "0")}`,
    // Directories count their subdirectories on some file systems only.
    links: type === "directory" ? 0 : stat.links,
    sameAs: "",
    content: type === "file" ? contentOf(fd, name) : "",
    device: device ? `${stat.device.major}:${stat.device.minor}` : "",
    target: type === "symlink" ? readLinkAt(fd, cname.set(name))! : "",
    xattrs: xattrsOf(fd, name),
  };
}

function xattrsOf(fd: number, name: string): string {
  const hex = (key: string) => getXattrAt(fd, name, key)?.toHex() ?? "";
  return listXattrsAt(fd, name).sort().map((key) => `${key}=${hex(key)}`).join(" ");
}

function contentOf(dirFd: number, name: string): string {
  const fd = succeed(openAt(dirFd, cname.set(name), Open.NOFOLLOW), `open ${name}`);
  try {
    using file = Deno.openSync(`/proc/self/fd/${fd}`);
    const hash = createHash("sha256");
    const buffer = new Uint8Array(1 << 18);
    let size = 0;
    for (let n = file.readSync(buffer); n; n = file.readSync(buffer)) {
      hash.update(buffer.subarray(0, n));
      size += n;
    }
    return `${size} ${hash.digest("hex")}`;
  } finally {
    closeFd(fd);
  }
}

/** What `a` and `b` don't agree on; `ignore` takes differences out that a test can justify. */
export function compareTrees(
  a: Tree,
  b: Tree,
  ignore: (difference: Difference) => boolean = () => false,
): Difference[] {
  const differences: Difference[] = [];
  for (const path of [...new Set([...a.keys(), ...b.keys()])].sort()) {
    const [left, right] = [a.get(path), b.get(path)];
    if (!left || !right) {
      differences.push({ path, field: "entry", a: left?.type ?? "none", b: right?.type ?? "none" });
      continue;
    }
    for (const field of Object.keys(left) as (keyof TreeEntry)[]) {
      if (left[field] === right[field]) continue;
      differences.push({ path, field, a: String(left[field]), b: String(right[field]) });
    }
  }
  return differences.filter((difference) => !ignore(difference));
}
