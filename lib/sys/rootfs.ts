/** Mounting a container's root file system from what a snapshotter says, and unmounting it. */
import type { Mount } from "../api/types/mount.ts";
import { Code, CtrError } from "../errors.ts";
import type { IdMappings } from "../id_mappings.ts";
import { attachTree, mappedLower, openMappedTree, takeMappings } from "./idmap.ts";
import { MountFlag, PER_MOUNT, PROPAGATION, readMountOptions } from "./mount_options.ts";
import { mountOverlayByParts } from "./mount_parts.ts";
import { check, cstring, Errno, libc, SystemError } from "./libc.ts";

const c = libc({
  mount: { parameters: ["buffer", "buffer", "buffer", "u64", "buffer"], result: "i32" },
});
// Unmounting may wait for the disk, so it has a thread; a raw system call's errno is lost there, hence the
// retry on this one when it fails.
const slow = libc({ umount2: { parameters: ["buffer", "i32"], result: "i32", nonblocking: true } });
const quick = libc({ umount2: { parameters: ["buffer", "i32"], result: "i32" } });

/** What mount(2) takes as options: a page, with the NUL. */
const PAGE = 4095;

/**
 * Mounts each on `target` (below it where a mount names a target of its own), in order. The options `uidmap=` and
 * `gidmap=` (`container-id:host-id:length`, several with commas) show the files with other owners than are on disk.
 */
export function mountAll(mounts: readonly Mount[], target: string): void {
  for (const mount of mounts) mountOne(mount, mount.target ? `${target}/${mount.target}` : target);
}

function mountOne(mount: Mount, target: string): void {
  const { mappings, rest } = takeMappings(mount.options);
  const plain = { ...mount, options: [...rest] };
  if (!mappings) mountPlain(plain, target);
  else if (mount.type === "overlay") mountMappedOverlay(plain, target, mappings);
  else mountMapped(plain, target, mappings);
}

/** A mount gets mappings only before it has a place: what is mounted makes way for a copy of itself. */
function mountMapped(mount: Mount, target: string, mappings: IdMappings): void {
  mountPlain(mount, target);
  try {
    const recursive = mount.options.includes("rbind");
    const tree = openMappedTree(target, mappings, { recursive });
    detach(target);
    attachTree(tree, target);
  } catch (error) {
    quick.umount2(cstring(target), UMOUNT_NOFOLLOW | MNT_DETACH);
    throw error;
  }
}

/** In one go: who is killed in between leaves the mount of the lower directories. */
function mountMappedOverlay(mount: Mount, target: string, mappings: IdMappings): void {
  const lower = mount.options.find((option) => option.startsWith("lowerdir="));
  if (!lower) throw new CtrError(Code.InvalidArgument, `mount overlay on ${target}: no lowerdir`);
  const place = shortDirectory();
  try {
    const mapped = mappedLower(lower.slice("lowerdir=".length).split(":"), place, mappings);
    const others = mount.options.filter((option) => option !== lower);
    mountPlain({ ...mount, options: [...others, `lowerdir=${mapped.join(":")}`] }, target);
  } finally {
    quick.umount2(cstring(place), UMOUNT_NOFOLLOW | MNT_DETACH);
    Deno.removeSync(place);
  }
}

function mountPlain(mount: Mount, target: string): void {
  const { bits, rest } = readMountOptions(mount.options);
  if (mount.type === "overlay" && bytesOf(rest.join(",")) > PAGE && byParts(target, bits, rest)) return;
  using fitted = fit(mount.type, rest);
  const { data } = fitted;
  const what = `mount ${mount.type} ${mount.source} on ${target}`;
  if (bytesOf(data) > PAGE) throw new CtrError(Code.InvalidArgument, `${what}: options longer than a page`);
  const propagation = bits & PROPAGATION;
  const first = bits & ~PROPAGATION;
  call(mount.source, target, mount.type, first, data, what);
  // The kernel looks at a bind's other flags only in a second call.
  if (first & MountFlag.BIND && first & PER_MOUNT && !(first & MountFlag.REMOUNT)) {
    call("", target, "", (first & ~MountFlag.REC) | MountFlag.REMOUNT, "", `${what} (flags)`);
  }
  if (propagation) call("", target, "", propagation | (bits & MountFlag.REC), "", `${what} (propagation)`);
}

/** Whether the kernel takes an overlay's many layers one by one; else they have to be squeezed into a page. */
function byParts(target: string, bits: bigint, options: readonly string[]): boolean {
  // An escape means another thing there.
  if (bits & PROPAGATION || options.some((option) => option.includes("\\"))) return false;
  try {
    mountOverlayByParts(target, bits, options);
    return true;
  } catch (error) {
    // An older kernel, or a fault that mount(2) will tell of too.
    if (error instanceof SystemError) return false;
    throw error;
  }
}

/** Options as text, and what they need until the mount is made. */
interface Fitted extends Disposable {
  readonly data: string;
}

/**
 * The options in a page. Overlay's many layers, if they must, get short names: symlinks that are followed while
 * mounting and needed no more. (Naming them from their common directory would change the directory of a whole
 * process with all its threads.)
 */
function fit(type: string, options: readonly string[]): Fitted {
  const data = options.join(",");
  const lower = options.find((option) => option.startsWith("lowerdir="));
  if (bytesOf(data) <= PAGE || type !== "overlay" || !lower) return { data, [Symbol.dispose]() {} };
  const names = shortDirectory();
  const short = lower.slice("lowerdir=".length).split(":").map((layer, n) => {
    const name = `${names}/${n.toString(36)}`;
    Deno.symlinkSync(layer, name);
    return name;
  });
  return {
    data: options.map((option) => option === lower ? `lowerdir=${short.join(":")}` : option).join(","),
    [Symbol.dispose]: () => Deno.removeSync(names, { recursive: true }),
  };
}

/** A directory of our own whose path is as short as can be: a page has to hold one for each layer. */
function shortDirectory(): string {
  for (;;) {
    const path = `/run/.l${Math.floor(Math.random() * 36 ** 3).toString(36)}`;
    try {
      Deno.mkdirSync(path, { mode: 0o700 });
      return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}

/** The kernel counts bytes, and cuts off without a word what is past the page. */
function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

function call(source: string, target: string, type: string, bits: bigint, data: string, what: string): void {
  check(c.mount(cstring(source), cstring(target), cstring(type), bits, cstring(data)), what);
}

const UMOUNT_NOFOLLOW = 8;
const MNT_DETACH = 2;

function detach(target: string): void {
  check(quick.umount2(cstring(target), UMOUNT_NOFOLLOW | MNT_DETACH), `unmount ${target}`);
}

/** Takes away everything mounted at `target`; nothing there is fine. A busy mount is detached. */
export async function unmountAll(target: string): Promise<void> {
  const path = cstring(target);
  for (;;) {
    if (await slow.umount2(path, UMOUNT_NOFOLLOW) === 0) continue;
    try {
      check(quick.umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH), `unmount ${target}`);
    } catch (error) {
      if (error instanceof SystemError && (error.errno === Errno.EINVAL || error.errno === Errno.ENOENT)) {
        return;
      }
      throw error;
    }
  }
}
