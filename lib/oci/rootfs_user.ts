/** The user of a container's process, looked up in the files of its snapshot. */
import type { Mount } from "../api/types/mount.ts";
import { lookUpUser, type User } from "./users.ts";

/**
 * The ids of `user` by the files in `mounts`, which are mounted for a moment. What a bind shows is read where it
 * lies: taking a mount away again makes the kernel wait for every processor.
 */
export async function userIn(mounts: readonly Mount[], user: string): Promise<User> {
  const parts = mounts.map(readOnly);
  const [only, another] = parts;
  if (only?.type === "bind" && !only.target && !another) return await lookUpUser(only.source, user);
  const { withTempMount } = await import("../sys/mod.ts");
  return await withTempMount(parts, (dir) => lookUpUser(dir, user));
}

/** The ids of a user as an image or a flag names it: "0:0" is nobody in particular, and no user is root. */
export async function userOf(mounts: readonly Mount[], user: string): Promise<User> {
  return user === "0:0" ? { uid: 0, gid: 0 } : await userIn(mounts, user || "0");
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
