/** The cgroup of the shim itself, where a container's options ask for one (`shim_cgroup`). */
import { failedPrecondition, invalidArgument, messageOf, notFound } from "../errors.ts";

/**
 * Moves this process into the cgroup `path`, in every hierarchy that has it. Throws InvalidArgument for what is no
 * path of a cgroup, NotFound if none has it (as with containerd,
 * whoever asks has made it), FailedPrecondition where one does not take it.
 */
export async function joinCgroup(path: string): Promise<void> {
  if (!path.startsWith("/") || path.split("/").includes("..")) {
    throw invalidArgument(`shim cgroup ${JSON.stringify(path)} is not an absolute path`);
  }
  const mounts = (await Deno.readTextFile("/proc/self/mounts")).split("\n").map((line) => line.split(" "));
  const roots = mounts.filter(([, , type]) => type === "cgroup" || type === "cgroup2").map(([, root]) =>
    root
  );
  const joined = await Promise.all(roots.map((root) => joinOne(`${root}${path}/cgroup.procs`)));
  if (!joined.includes(true)) throw notFound(`shim cgroup ${path} is in no cgroup hierarchy`);
}

async function joinOne(file: string): Promise<boolean> {
  try {
    await Deno.writeTextFile(file, String(Deno.pid), { create: false });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw failedPrecondition(`shim cgroup: ${messageOf(error)}`);
  }
}
