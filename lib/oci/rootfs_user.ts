/** The user of a container's process, looked up in the files of its snapshot. */
import type { Mount } from "../api/types/mount.ts";
import { withTempMount } from "../sys/mod.ts";
import { lookUpUser, type User } from "./users.ts";

/**
 * The ids of `user` by the files in `mounts`, which are mounted for a moment. What a bind shows is read where it
 * lies: taking a mount away again makes the kernel wait for every processor.
 */
export function userIn(mounts: readonly Mount[], user: string): Promise<User> {
  const parts = mounts.map(readOnly);
  const [only, another] = parts;
  if (only?.type === "bind" && !only.target && !another) return lookUpUser(only.source, user);
  return withTempMount(parts, (dir) => lookUpUser(dir, user));
}

/**
 * An overlay without its upper layer can't be changed, nor can its work directory be in use elsewhere. Who the files
 * belong to doesn't matter here.
 */
function readOnly(given: Mount): Mount {
  const mount = { ...given, options: given.options.filter((option) => !/^[ug]idmap=/.test(option)) };
  const options = (left: string[]) => ({ ...mount, options: [...left, "ro"] });
  if (mount.type !== "overlay") return options(mount.options.filter((option) => option !== "rw"));
  const lower = mount.options.find((option) => option.startsWith("lowerdir="))?.slice("lowerdir=".length) ??
    "";
  if (!lower.includes(":")) return { type: "bind", source: lower, target: "", options: ["rbind", "ro"] };
  return options(mount.options.filter((option) => !/^(upperdir|workdir|index)=/.test(option)));
}
