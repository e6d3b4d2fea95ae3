/** Which shim a container's runtime asks for. */
import { invalidArgument, notFound } from "../errors.ts";

/** Names under which clients ask for runc with the built-in shim. */
const builtin = new Set([
  "",
  "io.containerd.runc.v2",
  "io.containerd.runc.v1",
  "io.containerd.runtime.v1.linux",
]);

/**
 * The executable of the shim that `runtime` names, by containerd's rule: "io.containerd.kata.v2" is
 * containerd-shim-kata-v2 on PATH, an absolute path is itself. Undefined for the built-in shim.
 * Throws InvalidArgument for what is no such name, NotFound if there is no such executable.
 */
export async function shimBinary(runtime: string): Promise<string | undefined> {
  if (builtin.has(runtime)) return undefined;
  if (runtime.startsWith("/")) {
    if (await isExecutable(runtime)) return runtime;
    throw notFound(`runtime ${runtime} is not an executable file`);
  }
  const [, name, version] = /^(?:[\w-]+\.)+([\w-]+)\.([\w-]+)$/.exec(runtime) ?? [];
  if (!name) {
    throw invalidArgument(
      `runtime ${JSON.stringify(runtime)} is neither a name like io.containerd.runc.v2 nor an absolute path`,
    );
  }
  const binary = `containerd-shim-${name}-${version}`;
  for (const dir of (Deno.env.get("PATH") ?? "").split(":")) {
    if (dir.startsWith("/") && await isExecutable(`${dir}/${binary}`)) return `${dir}/${binary}`;
  }
  throw notFound(`runtime ${runtime} needs ${binary}, which is not on the daemon's PATH`);
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    const { isFile, mode } = await Deno.stat(path);
    return isFile && ((mode ?? 0) & 0o111) !== 0;
  } catch {
    return false;
  }
}
