/** Debian's containerd with our executable as a shim. */
import { busyboxRootfs, type Containerd, ctrPath, Scratch, startContainerd } from "../../harness/mod.ts";

/** A containerd that finds our executable under the name of a shim. */
export async function withContainerd(
  test: (containerd: Containerd, rootfs: string) => Promise<void>,
): Promise<void> {
  await using scratch = await Scratch.make("shm");
  const rootfs = scratch.join("rootfs");
  await busyboxRootfs(rootfs);
  await Deno.mkdir(scratch.join("bin"));
  await Deno.symlink(ctrPath, scratch.join("bin/containerd-shim-longshore-v2"));
  const PATH = `${scratch.join("bin")}:${Deno.env.get("PATH")}`;
  await using containerd = await startContainerd("shm", { PATH });
  try {
    await test(containerd, rootfs);
  } finally {
    // Before its end: containerd removes what is left of a container when a shim dies.
    for (const pid of await shimsOf(containerd)) Deno.kill(pid, "SIGKILL");
    await noTasks(containerd);
  }
}

/** Waits until containerd has done so. */
async function noTasks(containerd: Containerd): Promise<void> {
  const words = async (...args: string[]) => (await containerd.ctr(args)).stdout.split(/\s+/).filter(Boolean);
  for (const namespace of await words("namespaces", "ls", "-q")) {
    for (let n = 0; n < 400 && (await words("-n", namespace, "tasks", "ls", "-q")).length; n++) {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

/** Our shims' processes that report to this containerd. */
export async function shimsOf({ address }: Containerd): Promise<number[]> {
  const found = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const words = (await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "")).split("\0");
    if (words.includes("shim") && words.includes(`${address}.ttrpc`)) found.push(Number(name));
  }
  return found;
}
