/** Small reads of what is already there. */
import { readFd } from "../sys/mod.ts";

/** Up to `limit` bytes that wait in a non-blocking descriptor, as text. */
export function readAvailable(fd: number, limit: number): string {
  const buffer = new Uint8Array(limit);
  const count = readFd(fd, buffer);
  return typeof count === "number" ? new TextDecoder().decode(buffer.subarray(0, count)) : "";
}
