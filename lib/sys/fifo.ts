/** Named pipes. */
import { check, cstring, libc } from "./libc.ts";

const c = libc({ mkfifo: { parameters: ["buffer", "u32"], result: "i32" } });

/** Makes a named pipe at `path`. Throws AlreadyExists if something is there. */
export function makeFifo(path: string, mode: number): void {
  check(c.mkfifo(cstring(path) as BufferSource, mode), `mkfifo ${path}`);
}
