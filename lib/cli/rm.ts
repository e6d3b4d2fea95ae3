/** `ctr rm`: containers with all that is theirs. */
import { ContainersDefinition } from "../api/services/containers/v1/containers.ts";
import { stopTask } from "../client/stop.ts";
import { required } from "./arguments.ts";
import { type Call, usageError } from "./command.ts";
import { connect, type Daemon } from "./connect.ts";
import { removeContainer } from "./containers/remove.ts";
import { forAll } from "./each.ts";

export async function run(call: Call): Promise<void> {
  const { flags } = call;
  if (flags.on("all") && call.args.length) throw usageError("name containers, or say --all; not both");
  const named = flags.on("all") ? [] : required(call, "a container id");
  await using daemon = await connect(call);
  const ids = flags.on("all") ? await allIn(daemon) : named;
  await forAll(ids, async (id) => {
    if (flags.on("force")) await stopTask(daemon, id, { patience: 0 });
    await removeContainer(daemon, id, { snapshot: "remove", force: flags.on("force") });
  });
}

async function allIn(daemon: Daemon): Promise<string[]> {
  const { containers } = await daemon.stub(ContainersDefinition).list({});
  return containers.map(({ id }) => id);
}
