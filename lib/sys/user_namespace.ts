/** User namespaces that nothing runs in: what the kernel takes a mount's id mappings from. */
import type { IdMapping, IdMappings } from "../id_mappings.ts";
import { openAt, succeed } from "./files.ts";
import { check, cstring, libc, SystemError } from "./libc.ts";

const c = libc({
  clone: { parameters: ["pointer", "pointer", "i32", "pointer"], result: "i32" },
  dlsym: { parameters: ["pointer", "buffer"], result: "pointer" },
  waitpid: { parameters: ["i32", "pointer", "i32"], result: "i32" },
  kill: { parameters: ["i32", "i32"], result: "i32" },
});

const CLONE_NEWUSER = 0x10000000;
/** To wait for a child that tells nobody of its end. */
const WALL = 0x40000000;
const SIGKILL = 9;
const STACK = 1 << 16;
/** Seconds after which the child of a process that was killed meanwhile is gone, too. */
const LIFE = 5n;

/**
 * A descriptor of a new user namespace with these mappings; the caller closes it.
 *
 * A process with threads can't enter a user namespace, and a namespace has its mappings from outside, so that a child
 * has to live in it for a moment. It runs nothing but libc's sleep(3) on a stack of its own, and sends no signal when
 * it ends: whoever collects the children of this process never hears of it.
 */
export function openUserNamespace({ uids, gids }: IdMappings): number {
  const stack = new Uint8Array(STACK);
  const top = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(stack))) + BigInt(STACK);
  const sleep = c.dlsym(null, cstring("sleep"));
  const aligned = Deno.UnsafePointer.create(top & ~15n);
  const pid = check(c.clone(sleep, aligned, CLONE_NEWUSER, Deno.UnsafePointer.create(LIFE)), "clone");
  try {
    writeMap(`/proc/${pid}/uid_map`, uids);
    writeMap(`/proc/${pid}/gid_map`, gids);
    return succeed(openAt(-1, cstring(`/proc/${pid}/ns/user`), 0), "open user namespace");
  } finally {
    c.kill(pid, SIGKILL);
    c.waitpid(pid, null, WALL);
  }
}

/** The kernel takes a map in one write, and says no more than that it doesn't like it. */
function writeMap(path: string, mappings: readonly IdMapping[]): void {
  const lines = mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`);
  try {
    Deno.writeTextFileSync(path, lines.join(""), { create: false });
  } catch (error) {
    if (error instanceof SystemError) throw error;
    throw new Error(
      `cannot map ids of a user namespace (${lines.join("; ").replaceAll("\n", "")}): ${error}`,
    );
  }
}
