/** Loop devices: files as block devices (linux/loop.h; Linux 5.8 or later). */
import { check, Errno, libc, SystemError } from "./libc.ts";
import { closeDescriptor, openFd } from "./pipe.ts";

const c = libc({ ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" } });

const CLR_FD = 0x4c01n;
const SET_STATUS64 = 0x4c04n;
const GET_STATUS64 = 0x4c05n;
const CONFIGURE = 0x4c0an;
const CTL_GET_FREE = 0x4c82n;
const READ_ONLY = 1;
const AUTOCLEAR = 4;
/** Where struct loop_info64 is in struct loop_config, the flags in it, and how long both are. */
const infoAt = 8;
const flagsAt = 52;
const infoSize = 232;
const configSize = 304;
const READ_WRITE = 2;
const nothing = new Uint8Array(8);

/** A device that goes when it is disposed, unless it was kept. */
export interface LoopDevice extends Disposable {
  readonly path: string;
  /** Lets it live until {@linkcode detachLoop}. */
  keep(): void;
}

/** Makes a block device of a file. Throws NotFound without the file. */
export function attachLoop(file: string, access: "ro" | "rw"): LoopDevice {
  const backing = openFd(file, access === "ro" ? 0 : READ_WRITE);
  try {
    for (;;) {
      const device = tryAttach(backing, access);
      if (device) return device;
    }
  } finally {
    closeDescriptor(backing);
  }
}

/** On the first free device; nothing if somebody else was quicker. */
function tryAttach(backing: number, access: "ro" | "rw"): LoopDevice | undefined {
  const path = `/dev/loop${freeNumber()}`;
  const fd = openFd(path, READ_WRITE);
  const config = new Uint8Array(configSize);
  const view = new DataView(config.buffer);
  view.setUint32(0, backing, true);
  // Until it is kept the kernel takes it away with its last descriptor, also if this process dies.
  view.setUint32(infoAt + flagsAt, AUTOCLEAR | (access === "ro" ? READ_ONLY : 0), true);
  try {
    check(c.ioctl(fd, CONFIGURE, config), `configure ${path}`);
  } catch (error) {
    closeDescriptor(fd);
    if (error instanceof SystemError && error.errno === Errno.EBUSY) return undefined;
    throw error;
  }
  return { path, keep: () => keep(fd, path), [Symbol.dispose]: () => closeDescriptor(fd) };
}

function freeNumber(): number {
  const control = openFd("/dev/loop-control", READ_WRITE);
  try {
    return check(c.ioctl(control, CTL_GET_FREE, nothing), "find a free loop device");
  } finally {
    closeDescriptor(control);
  }
}

function keep(fd: number, path: string): void {
  const info = new Uint8Array(infoSize);
  check(c.ioctl(fd, GET_STATUS64, info), `read status of ${path}`);
  const view = new DataView(info.buffer);
  view.setUint32(flagsAt, view.getUint32(flagsAt, true) & ~AUTOCLEAR, true);
  check(c.ioctl(fd, SET_STATUS64, info), `set status of ${path}`);
}

/** Takes the file from a device, at once or when its last user is gone; one without a file is fine. */
export function detachLoop(path: string): void {
  const fd = openFd(path, 0);
  try {
    check(c.ioctl(fd, CLR_FD, nothing), `detach ${path}`);
  } catch (error) {
    if (!(error instanceof SystemError) || error.errno !== Errno.ENXIO) throw error;
  } finally {
    closeDescriptor(fd);
  }
}
