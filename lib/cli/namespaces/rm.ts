/** `ctr namespaces rm` */
import { NamespacesDefinition } from "../../api/services/namespaces/v1/namespace.ts";
import { Code, CtrError, isError, messageOf } from "../../errors.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { forEach } from "../each.ts";
import { print } from "../output/print.ts";

export async function run(call: Call): Promise<void> {
  const names = required(call, "a namespace");
  await using daemon = await connect(call);
  const namespaces = daemon.stub(NamespacesDefinition);
  await forEach(names, async (name) => {
    try {
      await namespaces.delete({ name });
    } catch (error) {
      // One that isn't there is as good as removed, as Go's ctr has it.
      if (!isError(error, Code.NotFound)) throw wrap(`unable to delete ${name}`, error);
    }
    if (call.flags.on("cgroup")) await removeCgroups(name);
    print(name + "\n");
  });
}

function wrap(what: string, error: unknown): CtrError {
  const code = error instanceof CtrError ? error.code : Code.Unknown;
  return new CtrError(code, `${what}: ${messageOf(error)}`, { cause: error });
}

/** Containers have their cgroups below one named by the namespace, in each hierarchy. */
async function removeCgroups(name: string): Promise<void> {
  const root = "/sys/fs/cgroup";
  const hierarchies = [root];
  for await (const { name: controller } of Deno.readDir(root)) hierarchies.push(`${root}/${controller}`);
  for (const hierarchy of hierarchies) {
    await Deno.remove(`${hierarchy}/${name}`).catch(ignoreMissing);
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
}
