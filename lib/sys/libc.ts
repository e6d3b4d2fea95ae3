/**
 * How this room calls libc: symbols are declared by topic (mount.ts, process.ts, ...) and opened one by one, so
 * that a short command pays for what it uses, and every failed call becomes an error that names the call and the
 * path.
 */
import { Code, CtrError } from "../errors.ts";

/**
 * Symbols of libc, each of which is opened when it is first used: Deno writes machine code for every symbol that it
 * opens, which takes up to half a millisecond. The library is never closed: it is in the process anyway.
 */
export function libc<const S extends Deno.ForeignLibraryInterface>(
  symbols: S,
): Deno.DynamicLibrary<S>["symbols"] {
  const opened: Record<string, unknown> = {};
  for (const [name, symbol] of Object.entries(symbols)) {
    const get = () => {
      // Opened after a call that failed it might change its errno.
      errnoLocation();
      const value = (Deno.dlopen("libc.so.6", { [name]: symbol }).symbols as Record<string, unknown>)[name];
      Object.defineProperty(opened, name, { value });
      return value;
    };
    Object.defineProperty(opened, name, { get, configurable: true, enumerable: true });
  }
  return opened as Deno.DynamicLibrary<S>["symbols"];
}

let openedLocation: (() => Deno.PointerValue) | undefined;
const errnoLocation = () =>
  openedLocation ??= Deno.dlopen("libc.so.6", { __errno_location: { parameters: [], result: "pointer" } })
    .symbols.__errno_location;
const errorCalls = libc({ strerror: { parameters: ["i32"], result: "pointer" } });

/** errno of the call just made on this thread. Read it at once; `nonblocking` calls have it on another thread. */
export function errno(): number {
  return new Deno.UnsafePointerView(errnoLocation()()!).getInt32();
}

/** The error numbers that callers branch on (asm-generic/errno-base.h, errno.h). */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENOTTY: 25,
  ENOSPC: 28,
  EROFS: 30,
  EPIPE: 32,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EOPNOTSUPP: 95,
} as const;

const classes: Record<number, Code> = {
  [Errno.ENOENT]: Code.NotFound,
  [Errno.EEXIST]: Code.AlreadyExists,
  [Errno.EPERM]: Code.PermissionDenied,
  [Errno.EACCES]: Code.PermissionDenied,
  [Errno.EINVAL]: Code.InvalidArgument,
  [Errno.EBUSY]: Code.FailedPrecondition,
  [Errno.ENOTEMPTY]: Code.FailedPrecondition,
  [Errno.ENOSPC]: Code.ResourceExhausted,
  [Errno.ENOSYS]: Code.Unimplemented,
  [Errno.EOPNOTSUPP]: Code.Unimplemented,
};

/** A failed system call. */
export class SystemError extends CtrError {
  readonly errno: number;

  constructor(call: string, errno: number) {
    super(classes[errno] ?? Code.Unknown, `${call}: ${describe(errno)}`);
    this.errno = errno;
  }
}

function describe(errno: number): string {
  return Deno.UnsafePointerView.getCString(errorCalls.strerror(errno)!).toLowerCase();
}

/** Passes a call's result on, or throws a {@linkcode SystemError} if it is -1. */
export function check(result: number, call: string): number {
  if (result === -1) throw new SystemError(call, errno());
  return result;
}

const encoder = new TextEncoder();

/** A string as C has it. Throws InvalidArgument for one that holds a NUL. */
export function cstring(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) {
    throw new CtrError(Code.InvalidArgument, `${JSON.stringify(text)} holds a NUL byte`);
  }
  return encoder.encode(text + "\0");
}
