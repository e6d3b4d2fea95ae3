/** The only room that calls libc. One file a topic; nothing here knows of containers. */
export { check, cstring, Errno, errno, SystemError } from "./libc.ts";
export * from "./files.ts";
export * from "./xattr.ts";
export * from "./epoll.ts";
export * from "./pipe.ts";
export * from "./process.ts";
export * from "./pty.ts";
export * from "./rootfs.ts";
export * from "./temp_mount.ts";
export * from "./self.ts";
export * from "./lock.ts";
export * from "./fifo.ts";
export * from "./disk.ts";
export * from "./copy.ts";
export * from "./btrfs.ts";
export * from "./loop.ts";
export * from "./statfs.ts";
export * from "./unix_socket.ts";
