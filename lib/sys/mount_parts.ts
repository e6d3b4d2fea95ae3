/**
 * Overlays of more layers than a page of options holds, by the system calls that take options one by one
 * (fsopen(2), fsconfig(2), fsmount(2), move_mount(2); `lowerdir+` of overlayfs, since Linux 6.8).
 */
import { cstring } from "./libc.ts";
import { AT_FDCWD, MountCall, mountCall as call } from "./mount_calls.ts";
import { closeDescriptor } from "./pipe.ts";

const CLOEXEC = 1;
const SET_FLAG = 0;
const SET_STRING = 1;
const CREATE = 6;
const EMPTY_PATH = 4;

/** Flags of mount(2) and the attributes of mount_setattr(2) that they are here. */
const attributes: readonly [bigint, number][] = [[1n, 1], [2n, 2], [4n, 4], [8n, 8], [1024n, 16], [
  2048n,
  128,
]];

/**
 * Mounts an overlay on `target`; `bits` are flags of mount(2), `options` may name any number of lower directories.
 * Throws a SystemError, also where the kernel doesn't know these calls or options.
 */
export function mountOverlayByParts(target: string, bits: bigint, options: readonly string[]): void {
  const what = `mount overlay of many layers on ${target}`;
  const context = call(what, MountCall.FSOPEN, [cstring("overlay"), CLOEXEC]);
  try {
    for (const [key, value] of options.flatMap(parts)) {
      if (value === undefined) call(what, MountCall.FSCONFIG, [context, SET_FLAG, cstring(key), 0, 0]);
      else call(what, MountCall.FSCONFIG, [context, SET_STRING, cstring(key), cstring(value), 0]);
    }
    call(what, MountCall.FSCONFIG, [context, CREATE, 0, 0, 0]);
    const wanted = attributes.reduce((sum, [bit, attribute]) => bits & bit ? sum | attribute : sum, 0);
    const mount = call(what, MountCall.FSMOUNT, [context, CLOEXEC, wanted]);
    try {
      call(what, MountCall.MOVE_MOUNT, [mount, cstring(""), AT_FDCWD, cstring(target), EMPTY_PATH]);
    } finally {
      closeDescriptor(mount);
    }
  } finally {
    closeDescriptor(context);
  }
}

/** An option as the kernel takes it; lower directories each for itself, nearest first. */
function parts(option: string): [string, string?][] {
  const equals = option.indexOf("=");
  if (equals < 0) return [[option]];
  const [key, value] = [option.slice(0, equals), option.slice(equals + 1)];
  return key === "lowerdir" ? value.split(":").map((layer) => ["lowerdir+", layer]) : [[key, value]];
}
