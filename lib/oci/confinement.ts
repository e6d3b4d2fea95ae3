/**
 * Spec options that few containers ask for: system calls, AppArmor, block I/O, cache classes. What they need is
 * loaded when they are used.
 */
import { notFound } from "../errors.ts";
import type { SpecOption } from "./options.ts";
import type { Seccomp } from "./seccomp.ts";

/**
 * A filter of system calls: the default one, that of a file (`{ file }`, as the runtime spec or Docker have it), or
 * the one given. What the default one and Docker's allow depends on capabilities: change those before.
 *
 * Throws InvalidArgument, with the reason, for a file that is no profile.
 */
export function withSeccomp(profile?: Seccomp | { file: string }): SpecOption {
  return async ({ process, linux }) => {
    const { bounding } = process.capabilities;
    if (profile === undefined) {
      const { defaultSeccomp } = await import("./seccomp.ts");
      linux.seccomp = defaultSeccomp(bounding);
    } else if ("file" in profile) {
      const { readSeccomp } = await import("./seccomp_file.ts");
      linux.seccomp = await readSeccomp(profile.file, bounding);
    } else {
      linux.seccomp = profile;
    }
  };
}

/** An AppArmor profile that the kernel has. */
export const withAppArmor = (profile: string): SpecOption => ({ process }) =>
  void (process.apparmorProfile = profile);

/**
 * The default AppArmor profile under the name `profile`, loaded into the kernel if it isn't there: for specs of
 * containers on this host. Throws FailedPrecondition if the host has no AppArmor.
 */
export function withDefaultAppArmor(profile: string): SpecOption {
  return async ({ process }) => {
    const { loadDefaultProfile } = await import("./apparmor.ts");
    await loadDefaultProfile(profile);
    process.apparmorProfile = profile;
  };
}

/** Weights and limits of block I/O: a class of a file of classes, whose devices are looked up on this host. */
export function withBlockIo({ file, className }: { file: string; className: string }): SpecOption {
  return async ({ linux }) => {
    const { readBlockIo } = await import("./blockio.ts");
    linux.resources.blockIO = await readBlockIo(file, className);
  };
}

/** A class of cache and memory bandwidth (Intel RDT) that the host has. */
export const withRdtClass = (className: string): SpecOption => ({ linux }) =>
  void (linux.intelRdt = { closID: className });

/** The size of /dev/shm, in bytes. Throws NotFound if the spec has no such mount. */
export function withShmSize(bytes: number): SpecOption {
  return ({ mounts }) => {
    const shm = mounts.find(({ destination, type }) => destination === "/dev/shm" && type === "tmpfs");
    if (!shm) throw notFound("a mount of /dev/shm, whose size was to be set");
    shm.options = [...shm.options?.filter((option) => !option.startsWith("size=")) ?? [], `size=${bytes}`];
  };
}
