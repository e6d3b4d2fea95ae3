/** `ctr snapshots diff` */
import { ContentDefinition } from "../../api/services/content/v1/content.ts";
import { diffSnapshot, sourceDateOf } from "../../client/diff.ts";
import { createLease } from "../../client/lease.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { parseLabels } from "../output/labels.ts";
import { writeAll } from "../output/print.ts";
import { rootLabel, snapshotterOf } from "./snapshots.ts";

export async function run(call: Call): Promise<void> {
  const [first, second] = required(call, "a snapshot");
  const { flags } = call;
  await using daemon = await connect(call);
  await using lease = await createLease(daemon);
  const { digest } = await diffSnapshot(daemon, second ?? first, {
    // With two snapshots the first is what was before; with one it is the one that has changed.
    before: second === undefined ? undefined : first,
    snapshotter: snapshotterOf(call),
    mediaType: flags.text("media-type"),
    ref: flags.text("ref"),
    labels: { ...parseLabels(flags.list("label")), ...(flags.on("keep") ? rootLabel() : {}) },
    sourceDate: sourceDateOf(),
    lease: lease.id,
    signal: call.globals.signal,
  });
  for await (const { data } of daemon.stub(ContentDefinition, { lease: lease.id }).read({ digest })) {
    writeAll(Deno.stdout, data);
  }
}
