/**
 * What another's shim has to say: it writes to the FIFO `log` in its bundle, and the daemon tells it on, line by
 * line. The daemon holds the FIFO open both ways, so that its end is not that of the first writer.
 */
import { Access, makeFifo, openFd } from "../sys/mod.ts";

/** A line that is longer is told in pieces. */
const LONGEST = 16 * 1024;

/** Makes the FIFO if it isn't there, and tells what comes until disposed of. */
export async function followLog(bundle: string, tell: (line: string) => void): Promise<Disposable> {
  const { Socket } = await import("node:net");
  const fd = openLog(`${bundle}/log`);
  const reader = new Socket({ fd, readable: true, writable: false });
  reader.unref();
  const decoder = new TextDecoder();
  let begun = "";
  reader.on("data", (bytes: Uint8Array) => {
    const lines = (begun + decoder.decode(bytes, { stream: true })).split("\n");
    begun = lines.pop()!;
    if (begun.length > LONGEST) lines.push(begun), begun = "";
    for (const line of lines) if (line) tell(line);
  });
  // Nobody is waiting for more of it.
  reader.on("error", () => {});
  return {
    [Symbol.dispose]: () => {
      if (begun) tell(begun);
      begun = "";
      reader.destroy();
    },
  };
}

function openLog(path: string): number {
  try {
    makeFifo(path, 0o600);
  } catch (error) {
    if (!Deno.lstatSync(path).isFifo) throw error;
  }
  return openFd(path, Access.READ_WRITE | Access.NONBLOCK);
}
