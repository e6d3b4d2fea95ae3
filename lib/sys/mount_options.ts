/** Options of mounts as text, as containerd's snapshotters and fstab write them. Source: mount(2), mount(8). */

/** Flags of mount(2). */
export const MountFlag = {
  RDONLY: 1n,
  NOSUID: 2n,
  NODEV: 4n,
  NOEXEC: 8n,
  REMOUNT: 32n,
  NOATIME: 1024n,
  NODIRATIME: 2048n,
  BIND: 4096n,
  REC: 16384n,
  RELATIME: 1n << 21n,
  STRICTATIME: 1n << 24n,
} as const;

export const PROPAGATION: bigint = (1n << 17n) | (1n << 18n) | (1n << 19n) | (1n << 20n);

const flags: Readonly<Record<string, bigint>> = {
  ro: MountFlag.RDONLY,
  nosuid: MountFlag.NOSUID,
  nodev: MountFlag.NODEV,
  noexec: MountFlag.NOEXEC,
  sync: 16n,
  remount: MountFlag.REMOUNT,
  mand: 64n,
  dirsync: 128n,
  noatime: MountFlag.NOATIME,
  nodiratime: MountFlag.NODIRATIME,
  bind: MountFlag.BIND,
  rbind: MountFlag.BIND | MountFlag.REC,
  unbindable: 1n << 17n,
  runbindable: (1n << 17n) | MountFlag.REC,
  private: 1n << 18n,
  rprivate: (1n << 18n) | MountFlag.REC,
  slave: 1n << 19n,
  rslave: (1n << 19n) | MountFlag.REC,
  shared: 1n << 20n,
  rshared: (1n << 20n) | MountFlag.REC,
  relatime: MountFlag.RELATIME,
  strictatime: MountFlag.STRICTATIME,
};
/** Options that take an earlier one back. */
const cleared: Readonly<Record<string, bigint>> = {
  rw: MountFlag.RDONLY,
  suid: MountFlag.NOSUID,
  dev: MountFlag.NODEV,
  exec: MountFlag.NOEXEC,
  async: 16n,
  nomand: 64n,
  atime: MountFlag.NOATIME,
  diratime: MountFlag.NODIRATIME,
  norelatime: MountFlag.RELATIME,
  nostrictatime: MountFlag.STRICTATIME,
};
/** Flags of one mount, not of its file system. */
export const PER_MOUNT: bigint = MountFlag.RDONLY | MountFlag.NOSUID | MountFlag.NODEV | MountFlag.NOEXEC |
  MountFlag.NOATIME | MountFlag.NODIRATIME | MountFlag.RELATIME | MountFlag.STRICTATIME;
const ignored = new Set(["defaults", "loop"]);

/** The flags of mount(2) that options stand for, and the others, which are the file system's. */
export function readMountOptions(options: readonly string[]): { bits: bigint; rest: string[] } {
  let bits = 0n;
  const rest: string[] = [];
  for (const option of options) {
    if (flags[option] !== undefined) bits |= flags[option];
    else if (cleared[option] !== undefined) bits &= ~cleared[option];
    else if (!ignored.has(option)) rest.push(option);
  }
  return { bits, rest };
}
