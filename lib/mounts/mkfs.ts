/**
 * File systems made for a mount in a file, its source, unless that is there: options
 * `X-containerd.mkfs.size=SIZE`, `.fs=ext2|ext3|ext4|xfs` and `.uuid=UUID`.
 */
import type { Mount } from "../api/types/mount.ts";
import { Code, CtrError, invalidArgument, messageOf } from "../errors.ts";
import { closeFd, Errno, Open, openAt, succeed, truncateFd, unlinkAt } from "../sys/mod.ts";
import { type Place, placeOf } from "./confined.ts";

const prefix = "X-containerd.mkfs.";
const units = "bkmgt";
const sizeForm = /^(\d{1,15})\s*([kmgt]?)(?:i?b)?$/i;
const uuidForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

interface Wanted {
  size: number;
  fs: string;
  uuid?: string;
}

/** Makes the file system that a mount asks for below one of `roots`; gives it without those options. */
export async function makeFileSystem(
  mount: Mount,
  roots: readonly string[],
  signal: AbortSignal,
): Promise<Mount> {
  const wanted = wantedOf(mount.options.filter((option) => option.startsWith(prefix)));
  using place = placeOf(mount.source, roots);
  if (createFile(place, mount.source, wanted.size)) {
    try {
      await format(mount.source, wanted, signal);
    } catch (error) {
      // One without a file system would be taken for one the next time.
      unlinkAt(place.directory, place.name);
      throw error;
    }
  }
  return { ...mount, options: mount.options.filter((option) => !option.startsWith(prefix)) };
}

function wantedOf(options: readonly string[]): Wanted {
  const wanted: Wanted = { size: 0, fs: "ext4" };
  for (const option of options) {
    const [key = "", value = ""] = option.slice(prefix.length).split("=", 2);
    if (key === "size") wanted.size = bytesOf(value);
    else if (key === "fs" && /^(ext[234]|xfs)$/.test(value)) wanted.fs = value;
    else if (key === "uuid" && uuidForm.test(value)) wanted.uuid = value;
    else throw invalidArgument(`invalid mkfs option ${JSON.stringify(option)}`);
  }
  if (wanted.size === 0) throw invalidArgument(`mkfs requires the option ${prefix}size`);
  return wanted;
}

/** "10MB" and "10MiB" are 10 * 1024 * 1024. */
function bytesOf(text: string): number {
  const found = sizeForm.exec(text);
  if (!found) throw invalidArgument(`mkfs: ${JSON.stringify(text)} is no size`);
  return Number(found[1]) * 1024 ** units.indexOf((found[2] || "b").toLowerCase());
}

/** False if it is there. */
function createFile(place: Place, path: string, size: number): boolean {
  const flags = Open.WRITE | Open.CREATE | Open.EXCLUSIVE | Open.NOFOLLOW;
  const fd = openAt(place.directory, place.name, flags, 0o640);
  if (fd === -Errno.EEXIST) return false;
  succeed(fd, `create ${path}`);
  try {
    succeed(truncateFd(fd, size), `set size of ${path}`);
  } catch (error) {
    unlinkAt(place.directory, place.name);
    throw error;
  } finally {
    closeFd(fd);
  }
  return true;
}

async function format(path: string, { fs, uuid }: Wanted, signal: AbortSignal): Promise<void> {
  const named = uuid ? fs === "xfs" ? ["-m", `uuid=${uuid}`] : ["-U", uuid] : [];
  const command = `mkfs.${fs}`;
  const options = { args: ["-q", ...named, path], stdin: "null", stdout: "null", stderr: "piped", signal };
  try {
    const { success, stderr } = await new Deno.Command(command, options as Deno.CommandOptions).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
  } catch (error) {
    signal.throwIfAborted();
    throw new CtrError(Code.Unknown, `${command} ${path}: ${messageOf(error)}`, { cause: error });
  }
}
