/** `ctr content prune references` */
import { ContentDefinition } from "../../api/services/content/v1/content.ts";
import { ContentClient } from "../../client/content.ts";
import { createLease } from "../../client/lease.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { print } from "../output/print.ts";

/** The labels that keep layers: `.l.N`, and `.N` as early clients wrote them, where 0 is the config. */
const ofLayer = /^containerd\.io\/gc\.ref\.content\.(l\..*|[1-9]\d*)$/;

export async function run(call: Call): Promise<void> {
  const isDry = call.flags.on("dry");
  await using daemon = await connect(call);
  const content = new ContentClient(daemon);
  for await (const { info } of daemon.stub(ContentDefinition).list({ filters: [] })) {
    for (const { digest, labels } of info) {
      const names = Object.keys(labels).filter((label) => ofLayer.test(label));
      for (const name of names) print(`${digest} ${name}=${labels[name]}\n`);
      if (names.length === 0 || isDry) continue;
      await content.label(digest, Object.fromEntries(names.map((name) => [name, ""])));
    }
  }
  if (isDry) return;
  // A lease that ends makes the daemon collect.
  const lease = await createLease(daemon);
  await lease.delete({ sync: !call.flags.on("async") });
}
