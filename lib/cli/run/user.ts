/** The user of a container's process. */
import type { Mount } from "../../api/types/mount.ts";
import { mountAll, unmountAll } from "../../sys/mod.ts";
import { lookUpUser } from "../process/user.ts";
import type { Spec } from "./default_spec.ts";

/** Sets the user by the container's own files, which are mounted for a moment. Root needs no looking up. */
export async function setUser(spec: Spec, mounts: readonly Mount[], user: string): Promise<void> {
  if (user === "" || user === "0:0") return;
  const dir = await Deno.makeTempDir({ prefix: "ctr-user-" });
  try {
    mountAll(mounts.map(readOnly), dir);
    spec.process.user = await lookUpUser(dir, user);
  } finally {
    await unmountAll(dir);
    await Deno.remove(dir);
  }
}

/** An overlay without its upper layer can't be changed, nor can its work directory be in use elsewhere. */
function readOnly(mount: Mount): Mount {
  if (mount.type !== "overlay") {
    return {
      ...mount,
      options: [...mount.options.filter((o) => o !== "rw"), "ro"],
    };
  }
  const lower = mount.options.filter((option) => !/^(upperdir|workdir)=/.test(option));
  const dirs = lower.find((option) => option.startsWith("lowerdir="))?.slice("lowerdir=".length).split(":") ??
    [];
  if (dirs.length === 1) return { type: "bind", source: dirs[0]!, target: "", options: ["rbind", "ro"] };
  return { ...mount, options: [...lower.filter((option) => !option.startsWith("index=")), "ro"] };
}
