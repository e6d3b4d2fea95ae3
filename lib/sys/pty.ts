/** Terminals: making one, receiving a PTY's master over a socket, as runc hands it out, size and raw mode. */
import { check, cstring, libc } from "./libc.ts";
import { Access, closeDescriptor, openFd } from "./pipe.ts";

const c = libc({
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept4: { parameters: ["i32", "pointer", "pointer", "i32"], result: "i32" },
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "isize" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  tcgetattr: { parameters: ["i32", "buffer"], result: "i32" },
  tcsetattr: { parameters: ["i32", "i32", "buffer"], result: "i32" },
  cfmakeraw: { parameters: ["buffer"], result: "void" },
});

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const MSG_CMSG_CLOEXEC = 0x40000000;

/** A listening socket at `path`, on which {@linkcode receiveDescriptor} takes what a program sends. */
export function listenForDescriptor(path: string): number {
  const fd = check(c.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
  try {
    const name = cstring(path);
    const address = new Uint8Array(2 + name.length);
    new DataView(address.buffer).setUint16(0, AF_UNIX, true);
    address.set(name, 2);
    check(c.bind(fd, address, address.length), `bind ${path}`);
    check(c.listen(fd, 1), `listen ${path}`);
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

// struct msghdr on 64-bit: name, namelen, iov, iovlen, control, controllen, flags.
const MSGHDR = 56;
const CONTROL = 64;
const CMSG_HEADER = 16;
const SCM_RIGHTS = 1;

/** The descriptor that somebody has sent to a listening socket; the sender must have ended already. */
export function receiveDescriptor(listener: number): number {
  const connection = check(c.accept4(listener, null, null, SOCK_CLOEXEC), "accept");
  try {
    const data = new Uint8Array(4096);
    const control = new Uint8Array(CONTROL);
    const iov = new BigUint64Array([addressOf(data), BigInt(data.length)]);
    const header = new Uint8Array(MSGHDR);
    const view = new DataView(header.buffer);
    view.setBigUint64(16, addressOf(new Uint8Array(iov.buffer)), true);
    view.setBigUint64(24, 1n, true);
    view.setBigUint64(32, addressOf(control), true);
    view.setBigUint64(40, BigInt(CONTROL), true);
    check(Number(c.recvmsg(connection, header, MSG_CMSG_CLOEXEC)), "recvmsg");
    const message = new DataView(control.buffer);
    if (view.getBigUint64(40, true) < CMSG_HEADER + 4 || message.getInt32(12, true) !== SCM_RIGHTS) {
      throw new Error("recvmsg: no descriptor came");
    }
    return message.getInt32(CMSG_HEADER, true);
  } finally {
    closeDescriptor(connection);
  }
}

function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
}

const TIOCSWINSZ = 0x5414n;

/** Sets a terminal's size in characters. */
export function resizeTerminal(fd: number, { width, height }: { width: number; height: number }): void {
  const size = new Uint16Array([height, width, 0, 0]);
  check(c.ioctl(fd, TIOCSWINSZ, new Uint8Array(size.buffer)), "ioctl TIOCSWINSZ");
}

const TIOCGWINSZ = 0x5413n;

/** A terminal's size in characters; zeros where nobody has set it. */
export function terminalSize(fd: number): { width: number; height: number } {
  const size = new Uint16Array(4);
  check(c.ioctl(fd, TIOCGWINSZ, new Uint8Array(size.buffer)), "ioctl TIOCGWINSZ");
  return { width: size[1]!, height: size[0]! };
}

// Larger than glibc's struct termios (60 bytes).
const TERMIOS = 128;
const TCSADRAIN = 1;

/**
 * Makes a terminal pass each byte as it is, both ways (cfmakeraw(3)); Deno's own raw mode leaves the changes made
 * to output. Gives what puts it back as it was.
 */
export function makeRaw(fd: number): () => void {
  const before = new Uint8Array(TERMIOS);
  check(c.tcgetattr(fd, before), "tcgetattr");
  const raw = before.slice();
  c.cfmakeraw(raw);
  check(c.tcsetattr(fd, TCSADRAIN, raw), "tcsetattr");
  // A terminal that is gone needs no settings.
  return () => void c.tcsetattr(fd, TCSADRAIN, before);
}

const TIOCSPTLCK = 0x40045431n;
const TIOCGPTN = 0x80045430n;

/** A new pseudo-terminal: its master, close-on-exec, and the path of its other side. */
export function openTerminal(): { master: number; path: string } {
  const master = openFd("/dev/ptmx", Access.READ_WRITE | Access.NO_CONTROL);
  try {
    check(c.ioctl(master, TIOCSPTLCK, new Uint8Array(4)), "ioctl TIOCSPTLCK");
    const number = new Int32Array(1);
    check(c.ioctl(master, TIOCGPTN, new Uint8Array(number.buffer)), "ioctl TIOCGPTN");
    return { master, path: `/dev/pts/${number[0]}` };
  } catch (error) {
    closeDescriptor(master);
    throw error;
  }
}
