/** What the interfaces of a container have carried. */

/** Bytes through all interfaces but the loopback one. */
export interface Carried {
  readonly received: bigint;
  readonly sent: bigint;
}

/**
 * From /proc/PID/net/dev (proc_pid_net(5)). Undefined for a process in the host's network, whose counts say nothing
 * of it, and where they can't be read: it is gone, or runs elsewhere.
 */
export function networkOf(pid: number): Carried | undefined {
  try {
    if (Deno.readLinkSync(`/proc/${pid}/ns/net`) === Deno.readLinkSync("/proc/self/ns/net")) return undefined;
    return parseDevices(Deno.readTextFileSync(`/proc/${pid}/net/dev`));
  } catch {
    return undefined;
  }
}

/** The sums of a /proc/PID/net/dev. */
export function parseDevices(text: string): Carried {
  let [received, sent] = [0n, 0n];
  for (const line of text.split("\n")) {
    const [, name, counts] = /^\s*([^:\s]+):\s*(.+)$/.exec(line) ?? [];
    if (name === undefined || name === "lo") continue;
    const fields = counts!.trim().split(/\s+/);
    received += BigInt(fields[0] ?? 0);
    sent += BigInt(fields[8] ?? 0);
  }
  return { received, sent };
}
