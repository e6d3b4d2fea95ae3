/** The user of a container's process, looked up in the files of its snapshot. */
import type { Mount } from "../api/types/mount.ts";
import { mountAll, unmountAll } from "../sys/mod.ts";
import { lookUpUser, type User } from "./users.ts";

/** The ids of `user` by the files in `mounts`, which are mounted for a moment. */
export async function userIn(mounts: readonly Mount[], user: string): Promise<User> {
  const dir = await Deno.makeTempDir({ prefix: "ctr-user-" });
  try {
    mountAll(mounts.map(readOnly), dir);
    return await lookUpUser(dir, user);
  } finally {
    await unmountAll(dir);
    await Deno.remove(dir);
  }
}

/** An overlay without its upper layer can't be changed, nor can its work directory be in use elsewhere. */
function readOnly(mount: Mount): Mount {
  const options = (left: string[]) => ({ ...mount, options: [...left, "ro"] });
  if (mount.type !== "overlay") return options(mount.options.filter((option) => option !== "rw"));
  const lower = mount.options.find((option) => option.startsWith("lowerdir="))?.slice("lowerdir=".length) ??
    "";
  if (!lower.includes(":")) return { type: "bind", source: lower, target: "", options: ["rbind", "ro"] };
  return options(mount.options.filter((option) => !/^(upperdir|workdir|index)=/.test(option)));
}
