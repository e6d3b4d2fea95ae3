/** What a container's process may do beyond the default. */
import { invalidArgument } from "../errors.ts";
import type { Spec } from "./spec.ts";

/** All that the kernel knows (capability.h), by number. */
const allCapabilities = ("CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP " +
  "LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO " +
  "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE " +
  "AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON " +
  "BPF CHECKPOINT_RESTORE").split(" ").map((name) => `CAP_${name}`);

/** `net_admin` or `CAP_NET_ADMIN` as the spec has it. Throws InvalidArgument for what no kernel knows. */
export function capability(name: string): string {
  const upper = name.toUpperCase();
  const full = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (!allCapabilities.includes(full)) {
    throw invalidArgument(`there is no capability ${JSON.stringify(name)}`);
  }
  return full;
}

/** Gives and takes capabilities in every set; what is taken stays taken. */
export function changeCapabilities(spec: Spec, added: readonly string[], dropped: readonly string[]): void {
  const sets = spec.process.capabilities;
  const without = dropped.map(capability);
  for (const set of Object.keys(sets) as (keyof typeof sets)[]) {
    const all = new Set([...sets[set], ...added.map(capability)]);
    sets[set] = [...all].filter((name) => !without.includes(name));
  }
}

/** Everything this process may do itself: `--privileged`. */
export function openEverything(spec: Spec): void {
  const held = heldCapabilities();
  spec.process.capabilities = { bounding: [...held], effective: [...held], permitted: [...held] };
  delete spec.linux.maskedPaths;
  delete spec.linux.readonlyPaths;
  delete spec.linux.seccomp;
  delete spec.process.apparmorProfile;
  for (const mount of spec.mounts) {
    if (mount.type !== "sysfs" && mount.type !== "cgroup") continue;
    mount.options = mount.options?.map((option) => option === "ro" ? "rw" : option);
  }
}

/** This process's own (proc(5), status): more it could not give. */
function heldCapabilities(): string[] {
  const status = Deno.readTextFileSync("/proc/self/status");
  const held = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return allCapabilities.filter((_, number) => held >> BigInt(number) & 1n);
}
