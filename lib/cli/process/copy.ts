/** Between a process's FIFOs and our own input and output. */
import { writeAll } from "../output/print.ts";
import type { DetachKeys } from "./detach_keys.ts";

const chunk = 64 << 10;
/** Bytes after which the kernel does the copying: what prints little needn't load libc for it. */
const much = 256 << 10;
const step = 1 << 20;
/** Steps until signals get their turn. */
const turn = 64;

/** Copies all of it. Opening waits for the shim to open the other end. */
export async function copyOut(path: string, name: "stdout" | "stderr"): Promise<void> {
  const to = Deno[name];
  using fifo = await Deno.open(path, { read: true });
  const buffer = new Uint8Array(chunk);
  let copied = 0;
  for (let read = await fifo.read(buffer); read !== null; read = await fifo.read(buffer)) {
    writeAll(to, buffer.subarray(0, read));
    copied += read;
    if (copied < much) continue;
    if (await spliceAll(path, "READ", (from) => [from, name === "stdout" ? 1 : 2])) return;
    copied = -Infinity;
  }
}

/** Ends with standard input, or before it when the user leaves, who must be at a terminal for that. */
export async function copyIn(path: string, keys: DetachKeys): Promise<"detached" | undefined> {
  using fifo = await Deno.open(path, { write: true });
  const buffer = new Uint8Array(chunk);
  const typing = Deno.stdin.isTerminal();
  let copied = 0;
  for (let read = await Deno.stdin.read(buffer); read !== null; read = await Deno.stdin.read(buffer)) {
    const given = buffer.subarray(0, read);
    const { passed, detached } = typing ? keys.pass(given) : { passed: given, detached: false };
    for (let done = 0; done < passed.length;) done += await fifo.write(passed.subarray(done));
    if (detached) return "detached";
    copied += read;
    if (typing || copied < much) continue;
    if (await spliceAll(path, "WRITE", (to) => [0, to])) return;
    copied = -Infinity;
  }
}

/**
 * Opens the FIFO once more and has the kernel copy the rest between two descriptors. False where it can't: into a
 * terminal, or a file that is appended to.
 */
async function spliceAll(
  path: string,
  access: "READ" | "WRITE",
  ends: (fifo: number) => [number, number],
): Promise<boolean> {
  const sys = await import("../../sys/mod.ts");
  let fifo: number;
  try {
    fifo = sys.openFd(path, sys.Access[access] | sys.Access.NONBLOCK);
  } catch {
    // Somebody has removed the container, and its FIFOs with it.
    return false;
  }
  try {
    sys.setBlocking(fifo);
    sys.growPipe(fifo, step);
    const [from, to] = ends(fifo);
    for (;;) {
      for (let n = 0, moved; n < turn && (moved = sys.splice(from, to, step)) !== "again"; n++) {
        if (moved === 0) return true;
        if (moved === "broken") return false;
      }
      const moved = await sys.spliceWaiting(from, to, step);
      if (moved <= 0) return moved === 0;
    }
  } catch {
    return false;
  } finally {
    sys.closeDescriptor(fifo);
  }
}
