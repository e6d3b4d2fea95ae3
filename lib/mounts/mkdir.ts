/** Directories made for a mount: options `X-containerd.mkdir.path=PATH[:MODE[:UID:GID]]`. */
import type { Mount } from "../api/types/mount.ts";
import { invalidArgument } from "../errors.ts";
import { chmodFd, chownFd, closeFd, Errno, makeDirectoryAt, Open, openAt, succeed } from "../sys/mod.ts";
import { placeOf } from "./confined.ts";

const prefix = "X-containerd.mkdir.";
const form = /^path=([^:]+)(?::([0-7]{1,4})(?::(\d{1,10}):(\d{1,10}))?)?$/;

/** Makes the directories that a mount asks for below one of `roots`; gives it without those options. */
export function makeDirectories(mount: Mount, roots: readonly string[]): Mount {
  for (const option of mount.options) if (option.startsWith(prefix)) makeOne(option, roots);
  return { ...mount, options: mount.options.filter((option) => !option.startsWith(prefix)) };
}

function makeOne(option: string, roots: readonly string[]): void {
  const found = form.exec(option.slice(prefix.length));
  if (!found) throw invalidArgument(`invalid mkdir option ${JSON.stringify(option)}`);
  const [, path = "", mode, uid, gid] = found;
  using place = placeOf(path, roots);
  const made = makeDirectoryAt(place.directory, place.name, 0o700);
  if (made !== -Errno.EEXIST) succeed(made, `mkdir ${path}`);
  const flags = Open.DIRECTORY | Open.NOFOLLOW;
  const fd = succeed(openAt(place.directory, place.name, flags), `open ${path}`);
  try {
    if (uid !== undefined) succeed(chownFd(fd, Number(uid), Number(gid)), `chown ${path}`);
    if (mode !== undefined) succeed(chmodFd(fd, parseInt(mode, 8)), `chmod ${path}`);
  } finally {
    closeFd(fd);
  }
}
