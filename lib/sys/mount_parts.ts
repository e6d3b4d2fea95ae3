/**
 * Overlays of more layers than a page of options holds, by the system calls that take options one by one
 * (fsopen(2), fsconfig(2), fsmount(2), move_mount(2); `lowerdir+` of overlayfs, since Linux 6.8).
 */
import { addressOf } from "./files.ts";
import { cstring, errno, libc, SystemError } from "./libc.ts";
import { closeDescriptor } from "./pipe.ts";

const c = libc({ syscall: { parameters: ["i64", "i64", "i64", "i64", "i64", "i64"], result: "i64" } });

// The same on x86_64 and arm64.
const MOVE_MOUNT = 429;
const FSOPEN = 430;
const FSCONFIG = 431;
const FSMOUNT = 432;

const CLOEXEC = 1;
const SET_FLAG = 0;
const SET_STRING = 1;
const CREATE = 6;
const EMPTY_PATH = 4;
const AT_FDCWD = -100;

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
  const context = call(what, FSOPEN, [cstring("overlay"), CLOEXEC]);
  try {
    for (const [key, value] of options.flatMap(parts)) {
      if (value === undefined) call(what, FSCONFIG, [context, SET_FLAG, cstring(key), 0, 0]);
      else call(what, FSCONFIG, [context, SET_STRING, cstring(key), cstring(value), 0]);
    }
    call(what, FSCONFIG, [context, CREATE, 0, 0, 0]);
    const wanted = attributes.reduce((sum, [bit, attribute]) => bits & bit ? sum | attribute : sum, 0);
    const mount = call(what, FSMOUNT, [context, CLOEXEC, wanted]);
    try {
      call(what, MOVE_MOUNT, [mount, cstring(""), AT_FDCWD, cstring(target), EMPTY_PATH]);
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

function call(what: string, number: number, args: (number | Uint8Array<ArrayBuffer>)[]): number {
  const words = Array.from({ length: 5 }, (_, n) => {
    const arg = args[n] ?? 0;
    return BigInt(typeof arg === "number" ? arg : addressOf(arg));
  });
  const result = Number(
    c.syscall(BigInt(number), ...words as [bigint, bigint, bigint, bigint, bigint]),
  );
  if (result === -1) throw new SystemError(what, errno());
  return result;
}
