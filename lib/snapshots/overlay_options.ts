/**
 * The options that every overlay gets, told once from the kernel and the file system, as containerd tells them.
 * What else the kernel can do (metacopy, redirected directories) is left as the machine's owner has set it.
 */
import { failedPrecondition } from "../errors.ts";
import { closeFd, isTmpfs, mountAll, openDirectory, tellsTypes, unmountAll } from "../sys/mod.ts";
import { mountOf } from "./mount_table.ts";

/**
 * Options for overlays whose directories are below `root`: no index, whose handles outlive a copied root, and
 * attributes of a user's own where the system's are out of reach; unless `asked` has them already, which come last.
 * Throws FailedPrecondition where no overlay can be.
 */
export async function overlayOptions(root: string, asked: readonly string[]): Promise<string[]> {
  await checkTypes(root);
  const has = (name: string) => asked.some((option) => option === name || option.startsWith(`${name}=`));
  return [
    ...!has("index") && await hasIndex() ? ["index=off"] : [],
    ...!has("userxattr") && await needsUserXattr(root) ? ["userxattr"] : [],
    ...asked,
  ];
}

/** Overlayfs finds whiteouts by the types in directories. */
async function checkTypes(root: string): Promise<void> {
  const fd = openDirectory(root);
  try {
    if (tellsTypes(fd)) return;
  } finally {
    closeFd(fd);
  }
  const { type } = await mountOf(root);
  throw failedPrecondition(
    `${root} (${type}) does not support d_type; an xfs has to be made with ftype=1 to carry overlays`,
  );
}

const hasIndex = () => Deno.stat("/sys/module/overlay/parameters/index").then(() => true, () => false);

/** Inside a user namespace the kernel keeps `trusted.*` from us (Linux 5.11 or later; a probe tells). */
async function needsUserXattr(root: string): Promise<boolean> {
  if (!await inUserNamespace() || isTmpfs(root)) return false;
  const probe = await Deno.makeTempDir({ dir: root, prefix: "rm-userxattr-" });
  const at = (name: string) => `${probe}/${name}`;
  try {
    for (const name of ["lower", "upper", "work", "merged"]) await Deno.mkdir(at(name));
    const options = [
      `lowerdir=${at("lower")}`,
      `upperdir=${at("upper")}`,
      `workdir=${at("work")}`,
      "userxattr",
    ];
    mountAll([{ type: "overlay", source: "overlay", target: "", options }], at("merged"));
    await unmountAll(at("merged"));
    return true;
  } catch {
    return false;
  } finally {
    await Deno.remove(probe, { recursive: true });
  }
}

/** The first one maps all users to themselves. */
async function inUserNamespace(): Promise<boolean> {
  const map = await Deno.readTextFile("/proc/self/uid_map");
  return map.trim().split(/\s+/).join(" ") !== "0 0 4294967295";
}
