/** Whether overlays can show their parents' files with other owners. */
import { Code, isError } from "../errors.ts";
import { mountAll, SystemError, unmountAll } from "../sys/mod.ts";

const shift = "0:1:65536";

/**
 * Tells it of layers below `root` by making such an overlay there: it takes a Linux of 5.19 or later, and a file system
 * that takes part.
 */
export async function canMapOwners(root: string): Promise<boolean> {
  const probe = await Deno.makeTempDir({ dir: root, prefix: "rm-idmap-" });
  const at = (name: string) => `${probe}/${name}`;
  try {
    for (const name of ["lower", "upper", "work", "merged"]) await Deno.mkdir(at(name));
    const dirs = ["lower", "upper", "work"].map((name) => `${name}dir=${at(name)}`);
    const options = [...dirs, `uidmap=${shift}`, `gidmap=${shift}`];
    mountAll([{ type: "overlay", source: "overlay", target: "", options }], at("merged"));
    await unmountAll(at("merged"));
    return true;
  } catch (error) {
    if (error instanceof SystemError || isError(error, Code.Unimplemented)) return false;
    throw error;
  } finally {
    await Deno.remove(probe, { recursive: true });
  }
}
