/**
 * Mounts that show their files with other owners than are on disk (mount_setattr(2), since Linux 5.12, where the
 * file system takes part), as containerd's mount options `uidmap=` and `gidmap=` ask for them.
 */
import { type IdMappings, parseBothMappings } from "../id_mappings.ts";
import { cstring, Errno, SystemError } from "./libc.ts";
import { AT_FDCWD, MountCall, mountCall } from "./mount_calls.ts";
import { closeDescriptor } from "./pipe.ts";
import { openUserNamespace } from "./user_namespace.ts";

const OPEN_TREE_CLONE = 1;
const CLOEXEC = 0o2000000;
const RECURSIVE = 0x8000;
const AT_EMPTY_PATH = 0x1000;
const MOVE_EMPTY_PATH = 4;
const ATTR_RDONLY = 1n;
const ATTR_IDMAP = 0x100000n;

const optionNames = { uids: "mount option uidmap", gids: "mount option gidmap" };

/** The mappings that options ask for, and the other options. Throws InvalidArgument for half of them. */
export function takeMappings(options: readonly string[]): { mappings?: IdMappings; rest: readonly string[] } {
  const valueOf = (name: string) => options.findLast((option) => option.startsWith(name))?.slice(name.length);
  const mappings = parseBothMappings(valueOf("uidmap="), valueOf("gidmap="), optionNames);
  if (!mappings) return { rest: options };
  return { mappings, rest: options.filter((option) => !/^[ug]idmap=/.test(option)) };
}

/** How a mount is shown elsewhere. */
export interface MappedOptions {
  readonly readonly?: boolean;
  /** With the mounts below it. */
  readonly recursive?: boolean;
}

/**
 * A mount of what `source` shows, with other owners; at no place yet ({@linkcode attachTree}), and gone when the
 * descriptor is closed before it has one. Throws a SystemError, Unimplemented where the kernel or the file system can't.
 */
export function openMappedTree(
  source: string,
  mappings: IdMappings,
  { readonly = false, recursive = false }: MappedOptions = {},
): number {
  const what = `idmapped mount of ${source}`;
  const deep = recursive ? RECURSIVE : 0;
  const userns = openUserNamespace(mappings);
  let tree: number | undefined;
  try {
    const flags = OPEN_TREE_CLONE | CLOEXEC | deep;
    tree = mountCall(what, MountCall.OPEN_TREE, [AT_FDCWD, cstring(source), flags]);
    const attributes = new BigUint64Array([
      ATTR_IDMAP | (readonly ? ATTR_RDONLY : 0n),
      0n,
      0n,
      BigInt(userns),
    ]);
    const bytes = new Uint8Array(attributes.buffer);
    mountCall(what, MountCall.MOUNT_SETATTR, [tree, cstring(""), AT_EMPTY_PATH | deep, bytes, bytes.length]);
    return tree;
  } catch (error) {
    if (tree !== undefined) closeDescriptor(tree);
    throw explained(error, what);
  } finally {
    closeDescriptor(userns);
  }
}

/** EINVAL is the file system's word for it; the mappings have been looked at before. */
function explained(error: unknown, what: string): unknown {
  if (!(error instanceof SystemError) || error.errno !== Errno.EINVAL) return error;
  return new SystemError(`${what} (its file system can't)`, Errno.EOPNOTSUPP);
}

/** Gives an open tree its place; the descriptor is closed, whether that succeeds or not. */
export function attachTree(tree: number, target: string): void {
  try {
    const args = [tree, cstring(""), AT_FDCWD, cstring(target), MOVE_EMPTY_PATH];
    mountCall(`attach idmapped mount to ${target}`, MountCall.MOVE_MOUNT, args);
  } finally {
    closeDescriptor(tree);
  }
}

/**
 * An overlay has no mappings of its own: its lower directories are shown with other owners by a mount of what they
 * have in common. Gives where they are there.
 */
export function mappedLower(
  lower: readonly string[],
  place: string,
  mappings: IdMappings,
): string[] {
  const common = commonDirectory(lower);
  attachTree(openMappedTree(common, mappings, { readonly: true }), place);
  return lower.map((dir) => place + dir.slice(common.length));
}

/**
 * The nearest directory that all are in. Of a single one its parent's parent, if on the same file system: the last two
 * parts of a layer's path tell which layer it is to whoever reads the mount table.
 */
function commonDirectory(paths: readonly string[]): string {
  const parts = paths.map((path) => path.split("/").slice(0, -1));
  const [first = []] = parts;
  const differs = first.findIndex((name, n) => parts.some((other) => other[n] !== name));
  const common = (differs < 0 ? first : first.slice(0, differs)).join("/");
  const above = common.slice(0, common.lastIndexOf("/"));
  return paths.length === 1 && above && onOneDevice(above, common) ? above : common;
}

function onOneDevice(one: string, other: string): boolean {
  try {
    return Deno.statSync(one).dev === Deno.statSync(other).dev;
  } catch (error) {
    // Mounting is who tells of it.
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
