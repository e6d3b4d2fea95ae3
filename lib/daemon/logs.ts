/** The logs that shims write of containers' output, and that go with the containers. */
import type { Scope } from "../scope.ts";

/** Where they are: a directory a namespace, in it ID.log and the rotated ID.log.1, ID.log.2 ... */
export const logsBelow = (root: string) => `${root}/logs`;

/** Removes those of a container that was deleted. */
export async function removeLogs(root: string, { namespace }: Scope, id: string): Promise<void> {
  const dir = `${logsBelow(root)}/${namespace}`;
  const own = (name: string) => name.startsWith(`${id}.log`) && /^(\.\d+)?$/.test(name.slice(id.length + 4));
  try {
    for await (const { name } of Deno.readDir(dir)) if (own(name)) await Deno.remove(`${dir}/${name}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
