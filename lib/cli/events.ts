/** `ctr events` */
import { EventsDefinition } from "../api/services/events/v1/events.ts";
import type { Call } from "./command.ts";
import { connect } from "./connect.ts";
import { eventJson } from "./event_json.ts";
import { goTime } from "./output/ages.ts";
import { print } from "./output/print.ts";

export async function run(call: Call): Promise<void> {
  await using daemon = await connect(call);
  for await (const envelope of daemon.stub(EventsDefinition).subscribe({ filters: [...call.args] })) {
    const { timestamp, namespace, topic, event } = envelope;
    print(`${goTime(timestamp)} ${namespace} ${topic} ${event ? eventJson(event) : "null"}\n`);
  }
}
