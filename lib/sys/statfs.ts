/** Which file system a directory is on (statfs(2), linux/magic.h). */
import { check, cstring, libc } from "./libc.ts";

const c = libc({ statfs: { parameters: ["buffer", "buffer"], result: "i32" } });

const BTRFS = 0x9123683en;
const TMPFS = 0x01021994n;

function magicOf(path: string): bigint {
  const answer = new Uint8Array(256);
  check(c.statfs(cstring(path), answer), `statfs ${path}`);
  return new DataView(answer.buffer).getBigUint64(0, true);
}

export const isBtrfs = (path: string): boolean => magicOf(path) === BTRFS;
export const isTmpfs = (path: string): boolean => magicOf(path) === TMPFS;
