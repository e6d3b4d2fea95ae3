/** Extended attributes, by descriptor; as in files.ts, results are the kernel's, negative on failure. */
import { errno, libc } from "./libc.ts";
import { bytesToText, succeed } from "./files.ts";

const c = libc({
  fsetxattr: { parameters: ["i32", "buffer", "buffer", "usize", "i32"], result: "i32" },
  fremovexattr: { parameters: ["i32", "buffer"], result: "i32" },
  lsetxattr: { parameters: ["buffer", "buffer", "buffer", "usize", "i32"], result: "i32" },
  lgetxattr: { parameters: ["buffer", "buffer", "buffer", "usize"], result: "i32" },
  flistxattr: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  llistxattr: { parameters: ["buffer", "buffer", "usize"], result: "i32" },
});

const result = (value: number) => value === -1 ? -errno() : value;
const word = (value: number) => value as unknown as bigint;
const bytesOf = (text: string) => Uint8Array.from(text + "\0", (char) => char.charCodeAt(0));

/** Sets an attribute of an open file or directory. `name` has one character a byte. */
export const setXattrFd = (fd: number, name: string, value: Uint8Array<ArrayBuffer>) =>
  result(c.fsetxattr(fd, bytesOf(name), value, word(value.length), 0));

/** Takes an attribute from an open file or directory. */
export const removeXattrFd = (fd: number, name: string) => result(c.fremovexattr(fd, bytesOf(name)));

/** The path by which the kernel finds `name` of an open directory, whatever has been renamed meanwhile. */
const through = (dirFd: number, name: string) => bytesOf(`/proc/self/fd/${dirFd}${name ? "/" + name : "/."}`);

/** Sets an attribute of `name` in an open directory; of a symlink itself, if it is one. */
export const setXattrAt = (dirFd: number, name: string, key: string, value: Uint8Array<ArrayBuffer>) =>
  result(c.lsetxattr(through(dirFd, name), bytesOf(key), value, word(value.length), 0));

/** The names of the attributes of `name` in an open directory ("" for the directory itself). */
export function listXattrsAt(dirFd: number, name: string): string[] {
  const path = through(dirFd, name);
  const size = result(c.llistxattr(path, new Uint8Array(1), word(0)));
  if (size === -95 || size === 0) return [];
  const list = new Uint8Array(succeed(size, "llistxattr") + 4096);
  const filled = succeed(result(c.llistxattr(path, list, word(list.length))), "llistxattr");
  return bytesToText(list, 0, filled).split("\0").filter((key) => key !== "");
}

/** What the kernel gives at most (linux/limits.h, XATTR_LIST_MAX). */
const wholeList = new Uint8Array(65536);

/** The names of the attributes of an open file or directory. */
export function listXattrsFd(fd: number): string[] {
  const filled = result(c.flistxattr(fd, wholeList, word(wholeList.length)));
  if (filled === 0 || filled === -95) return [];
  return bytesToText(wholeList, 0, succeed(filled, "flistxattr")).split("\0").filter((key) => key !== "");
}

/** The value of an attribute, or undefined if it isn't there. */
export function getXattrAt(dirFd: number, name: string, key: string): Uint8Array<ArrayBuffer> | undefined {
  const value = new Uint8Array(65536);
  const size = result(c.lgetxattr(through(dirFd, name), bytesOf(key), value, word(value.length)));
  if (size === -61 || size === -95) return undefined;
  return value.slice(0, succeed(size, `lgetxattr ${key}`));
}
