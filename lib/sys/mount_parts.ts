/**
 * Mounts made by the system calls that take options one by one (fsopen(2), fsconfig(2), fsmount(2), open_tree(2)).
 * They have no place until they are given one (move_mount(2)): until then they end with their descriptor, and so with
 * their process. Overlays made so may have more layers than a page of options holds (`lowerdir+`, since Linux 6.8).
 */
import type { Mount } from "../api/types/mount.ts";
import { cstring, SystemError } from "./libc.ts";
import { AT_FDCWD, MountCall, mountCall as call } from "./mount_calls.ts";
import { MountFlag, PER_MOUNT, PROPAGATION, readMountOptions } from "./mount_options.ts";
import { closeDescriptor } from "./pipe.ts";

const FSOPEN_CLOEXEC = 1;
const OPEN_TREE_CLONE = 1;
const O_CLOEXEC = 0o2000000;
const SET_FLAG = 0;
const SET_STRING = 1;
const CREATE = 6;
const MOVE_EMPTY_PATH = 4;
const AT_EMPTY_PATH = 0x1000;

/** Flags of mount(2) and the attributes of mount_setattr(2) that they are here. */
const attributes: readonly [bigint, number][] = [
  [MountFlag.RDONLY, 1],
  [MountFlag.NOSUID, 2],
  [MountFlag.NODEV, 4],
  [MountFlag.NOEXEC, 8],
  [MountFlag.NOATIME, 16],
  [MountFlag.NODIRATIME, 128],
];

/**
 * A mount without a place: the descriptor of its root. Undefined if the kernel doesn't take it so (an older one, an
 * option that it reads in another way here, an error): mount(2) will do, or tell what is wrong.
 */
export function openMount({ type, source, options }: Mount): number | undefined {
  const { bits, rest } = readMountOptions(options);
  const special = bits & (PROPAGATION | MountFlag.REMOUNT) ||
    rest.some((option) => option.includes("\\") || /^[ug]idmap=/.test(option));
  if (special) return undefined;
  try {
    return bits & MountFlag.BIND ? cloneTree(source, bits) : makeMount({ type, source }, bits, rest);
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}

/**
 * Mounts an overlay on `target`; `bits` are flags of mount(2), `options` may name any number of lower directories.
 * Throws a SystemError, also where the kernel doesn't know these calls or options.
 */
export function mountOverlayByParts(target: string, bits: bigint, options: readonly string[]): void {
  const mount = makeMount({ type: "overlay" }, bits, options);
  try {
    const what = `mount overlay of many layers on ${target}`;
    call(what, MountCall.MOVE_MOUNT, [mount, cstring(""), AT_FDCWD, cstring(target), MOVE_EMPTY_PATH]);
  } finally {
    closeDescriptor(mount);
  }
}

function makeMount(
  { type, source }: { type: string; source?: string },
  bits: bigint,
  options: readonly string[],
): number {
  const what = `mount ${type}`;
  const context = call(what, MountCall.FSOPEN, [cstring(type), FSOPEN_CLOEXEC]);
  try {
    const all = [...source ? [`source=${source}`] : [], ...options];
    for (const [key, value] of all.flatMap(parts)) {
      if (value === undefined) call(what, MountCall.FSCONFIG, [context, SET_FLAG, cstring(key), 0, 0]);
      else call(what, MountCall.FSCONFIG, [context, SET_STRING, cstring(key), cstring(value), 0]);
    }
    call(what, MountCall.FSCONFIG, [context, CREATE, 0, 0, 0]);
    return call(what, MountCall.FSMOUNT, [context, FSOPEN_CLOEXEC, attributesOf(bits)]);
  } finally {
    closeDescriptor(context);
  }
}

function cloneTree(source: string, bits: bigint): number {
  const what = `clone mount of ${source}`;
  const tree = call(what, MountCall.OPEN_TREE, [AT_FDCWD, cstring(source), OPEN_TREE_CLONE | O_CLOEXEC]);
  try {
    if (bits & PER_MOUNT) {
      const wanted = new BigUint64Array([BigInt(attributesOf(bits)), 0n, 0n, 0n]);
      const bytes = new Uint8Array(wanted.buffer);
      call(what, MountCall.MOUNT_SETATTR, [tree, cstring(""), AT_EMPTY_PATH, bytes, bytes.length]);
    }
    return tree;
  } catch (error) {
    closeDescriptor(tree);
    throw error;
  }
}

const attributesOf = (bits: bigint) =>
  attributes.reduce((sum, [bit, attribute]) => bits & bit ? sum | attribute : sum, 0);

/** An option as the kernel takes it; lower directories each for itself, nearest first. */
function parts(option: string): [string, string?][] {
  const equals = option.indexOf("=");
  if (equals < 0) return [[option]];
  const [key, value] = [option.slice(0, equals), option.slice(equals + 1)];
  return key === "lowerdir" ? value.split(":").map((layer) => ["lowerdir+", layer]) : [[key, value]];
}
