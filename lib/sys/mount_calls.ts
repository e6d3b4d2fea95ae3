/** The system calls about mounts that libc has no functions for; their numbers are those of x86_64 and arm64. */
import { addressOf } from "./files.ts";
import { errno, libc, SystemError } from "./libc.ts";

const c = libc({ syscall: { parameters: ["i64", "i64", "i64", "i64", "i64", "i64"], result: "i64" } });

export const MountCall = {
  OPEN_TREE: 428,
  MOVE_MOUNT: 429,
  FSOPEN: 430,
  FSCONFIG: 431,
  FSMOUNT: 432,
  MOUNT_SETATTR: 442,
} as const;

export const AT_FDCWD = -100;

/** Makes one; `what` begins the message of the SystemError that is thrown if it fails. */
export function mountCall(
  what: string,
  number: number,
  args: readonly (number | Uint8Array<ArrayBuffer>)[],
): number {
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
