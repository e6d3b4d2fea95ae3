/**
 * The daemon's directories, with exact modes: nothing below them is for other users, also when the umask is 0
 * or an earlier version left them wider (CVE-2021-41103, CVE-2024-25621).
 */
import { dirname } from "node:path";
import type { Config } from "./config.ts";

/** Others may pass through, not look: a container's user must reach its mounts. */
const passable = 0o711;
const closed = 0o700;

/** Makes the directories of `config` or mends their modes. */
export async function prepareDirectories(config: Config): Promise<void> {
  await ensure(config.root, passable);
  await ensure(config.state, passable);
  for (const room of ["content", "snapshots"]) await ensure(`${config.root}/${room}`, closed);
  await ensure(`${config.state}/shim`, closed);
  await ensure(`${config.state}/tasks`, passable);
  const sockets = dirname(config.address);
  if (sockets !== config.state) await Deno.mkdir(sockets, { recursive: true, mode: passable });
}

async function ensure(path: string, mode: number): Promise<void> {
  await Deno.mkdir(path, { recursive: true, mode });
  const { mode: has } = await Deno.lstat(path);
  if ((has! & 0o7777) !== mode) await Deno.chmod(path, mode);
}
