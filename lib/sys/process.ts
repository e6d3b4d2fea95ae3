/**
 * Processes: starting them with chosen descriptors, being the parent of orphans, collecting exit codes,
 * signalling through pidfds.
 */
import { Code, CtrError } from "../errors.ts";
import { check, cstring, Errno, errno, libc, SystemError } from "./libc.ts";

const c = libc({
  posix_spawn: { parameters: ["buffer", "buffer", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  posix_spawn_file_actions_init: { parameters: ["buffer"], result: "i32" },
  posix_spawn_file_actions_destroy: { parameters: ["buffer"], result: "i32" },
  posix_spawn_file_actions_adddup2: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  posix_spawnattr_init: { parameters: ["buffer"], result: "i32" },
  posix_spawnattr_setflags: { parameters: ["buffer", "i16"], result: "i32" },
  posix_spawnattr_setsigdefault: { parameters: ["buffer", "buffer"], result: "i32" },
  posix_spawnattr_setsigmask: { parameters: ["buffer", "buffer"], result: "i32" },
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  kill: { parameters: ["i32", "i32"], result: "i32" },
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  setsid: { parameters: [], result: "i32" },
  syscall: { parameters: ["i64", "i64", "i64", "i64", "i64"], result: "i64" },
});

/** File descriptors that a new process gets as its 0, 1, 2, ... */
export type Descriptors = readonly number[];

// Larger than glibc's structs on every architecture (80 and 336 bytes on x86_64).
const STRUCT = 512;
const SPAWN_SETSIGDEF = 0x04;
const SPAWN_SETSIGMASK = 0x08;
const SPAWN_SETSID = 0x80;

/**
 * Starts the program at `path` and gives its pid. It gets exactly the descriptors named (everything else in
 * this process is close-on-exec), default signal dispositions, an empty signal mask and a session of its own.
 * Its parent must reap it, see {@linkcode reap}. The calling thread waits until the program is executed, less
 * than a millisecond.
 */
export function spawn(
  path: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  descriptors: Descriptors,
): number {
  const actions = new Uint8Array(STRUCT);
  c.posix_spawn_file_actions_init(actions);
  try {
    descriptors.forEach((fd, n) => c.posix_spawn_file_actions_adddup2(actions, fd, n));
    const pid = new Int32Array(1);
    const argv = vector(args);
    const envp = vector(Object.entries(env).map(([name, value]) => `${name}=${value}`));
    const failed = c.posix_spawn(
      new Uint8Array(pid.buffer),
      cstring(path),
      actions,
      attributes ??= spawnAttributes(),
      argv.pointers,
      envp.pointers,
    );
    if (failed) throw new SystemError(`exec ${path}`, failed);
    return pid[0]!;
  } finally {
    c.posix_spawn_file_actions_destroy(actions);
  }
}

// Made when first needed: a command loads this room, and seldom starts a program.
let attributes: Uint8Array<ArrayBuffer> | undefined;

// Rust ignores SIGPIPE, and an ignored signal would stay ignored down to the container's process.
function spawnAttributes(): Uint8Array<ArrayBuffer> {
  const attributes = new Uint8Array(STRUCT);
  c.posix_spawnattr_init(attributes);
  c.posix_spawnattr_setflags(attributes, SPAWN_SETSIGDEF | SPAWN_SETSIGMASK | SPAWN_SETSID);
  c.posix_spawnattr_setsigdefault(attributes, new Uint8Array(128).fill(0xff));
  c.posix_spawnattr_setsigmask(attributes, new Uint8Array(128));
  return attributes;
}

/** Strings as execve(2) takes them. `text` is kept in the result, since the pointers point into it. */
function vector(strings: readonly string[]) {
  const text = cstringJoin(strings);
  const base = text.length ? Deno.UnsafePointer.value(Deno.UnsafePointer.of(text)) : 0n;
  const pointers = new BigUint64Array(strings.length + 1);
  let offset = 0;
  for (let n = 0; n < strings.length; n++) {
    pointers[n] = base + BigInt(offset);
    offset = text.indexOf(0, offset) + 1;
  }
  return { text, pointers: new Uint8Array(pointers.buffer) };
}

function cstringJoin(strings: readonly string[]): Uint8Array<ArrayBuffer> {
  for (const text of strings) {
    if (text.includes("\0")) {
      throw new CtrError(Code.InvalidArgument, `${JSON.stringify(text)} holds a NUL byte`);
    }
  }
  return new TextEncoder().encode(strings.map((text) => text + "\0").join(""));
}

/** How a process ended: its exit code, or 128 and the signal's number. */
export interface Exit {
  readonly pid: number;
  readonly code: number;
}

const WNOHANG = 1;

/** Collects every child that has ended by now, orphans that were handed to us included. */
export function reap(): Exit[] {
  const exits: Exit[] = [];
  const status = new Int32Array(1);
  const bytes = new Uint8Array(status.buffer);
  for (;;) {
    const pid = c.waitpid(-1, bytes, WNOHANG);
    if (pid <= 0) return exits;
    const signal = status[0]! & 0x7f;
    exits.push({ pid, code: signal ? 128 + signal : (status[0]! >> 8) & 0xff });
  }
}

/** Sends a signal. False if there is no such process. */
export function kill(pid: number, signal: number): boolean {
  if (c.kill(pid, signal) === 0) return true;
  const error = errno();
  if (error === Errno.ESRCH) return false;
  throw new SystemError(`kill ${pid} with signal ${signal}`, error);
}

const PR_SET_PDEATHSIG = 1;
const PR_SET_NAME = 15;
const PR_SET_CHILD_SUBREAPER = 36;

/** Makes this process the parent of its descendants' orphans. */
export function becomeSubreaper(): void {
  check(c.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n), "prctl PR_SET_CHILD_SUBREAPER");
}

/** Puts this process into a session of its own, unless it leads one already. */
export function leaveSession(): void {
  c.setsid();
  c.prctl(PR_SET_PDEATHSIG, 0n, 0n, 0n, 0n);
}

/** Names this process (15 bytes at most) in `ps`. */
export function nameProcess(name: string): void {
  const text = cstring(name);
  c.prctl(PR_SET_NAME, Deno.UnsafePointer.value(Deno.UnsafePointer.of(text)), 0n, 0n, 0n);
}

const SYS_pidfd_open = 434n;

/** A descriptor that becomes readable when the process ends; undefined if it is gone. Close-on-exec. */
export function pidfdOpen(pid: number): number | undefined {
  const fd = Number(c.syscall(SYS_pidfd_open, BigInt(pid), 0n, 0n, 0n));
  if (fd >= 0) return fd;
  const error = errno();
  if (error === Errno.ESRCH) return undefined;
  throw new SystemError(`pidfd_open ${pid}`, error);
}
