/** From a process's FIFO to our own output. */
import { Access, closeDescriptor, openFd, setBlocking, splice, spliceWaiting } from "../../sys/mod.ts";
import { writeAll } from "../output/print.ts";

const chunk = 64 << 10;
/** Bytes after which the kernel does the copying: what prints little needn't open libc for it. */
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
    if (await spliceAll(path, name === "stdout" ? 1 : 2)) return;
    copied = -Infinity;
  }
}

/** Has the kernel copy the rest. False where it can't: into a terminal, or a file that is appended to. */
async function spliceAll(path: string, to: number): Promise<boolean> {
  let from: number;
  try {
    from = openFd(path, Access.READ | Access.NONBLOCK);
  } catch {
    // Somebody has removed the container, and its FIFOs with it.
    return false;
  }
  try {
    setBlocking(from);
    for (;;) {
      for (let n = 0, moved; n < turn && (moved = splice(from, to, step)) !== "again"; n++) {
        if (moved === 0) return true;
        if (moved === "broken") return false;
      }
      const moved = await spliceWaiting(from, to, step);
      if (moved <= 0) return moved === 0;
    }
  } catch {
    return false;
  } finally {
    closeDescriptor(from);
  }
}
