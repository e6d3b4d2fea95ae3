/** `ctr stop` */
import { stopTask } from "../client/stop.ts";
import { required } from "./arguments.ts";
import { type Call, usageError } from "./command.ts";
import { connect } from "./connect.ts";
import { forAll } from "./each.ts";
import { parseSignal } from "./process/signals.ts";
import { detachByName } from "./run/network.ts";

export async function run(call: Call): Promise<void> {
  const ids = required(call, "a container id");
  const patience = parseSeconds(call.flags.text("time")) * 1000;
  const named = call.flags.text("signal");
  const stopSignal = named ? parseSignal(named) : undefined;
  await using daemon = await connect(call);
  await forAll(ids, async (id) => {
    await stopTask(daemon, id, { patience, stopSignal });
    await detachByName(daemon, id);
  });
}

function parseSeconds(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw usageError(`--time ${JSON.stringify(text)} is not a number of seconds`);
}
