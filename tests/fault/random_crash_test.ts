import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ContentDefinition } from "../../lib/api/services/content/v1/content.ts";
import { LeasesDefinition } from "../../lib/api/services/leases/v1/leases.ts";
import { connectTtrpc } from "../../lib/rpc/ttrpc/client.ts";
import { type Longshore, startLongshore } from "../harness/mod.ts";
import { diskOf } from "../integration/gc/disk.ts";
import { noTraces } from "./support.ts";
import { Busy, type Kind, kinds, lease, scope } from "./busy_client.ts";

/** Kills the daemon when its clients have had so many answers, whatever is under way by then. */
async function crashAfter(daemon: Longshore, busy: Busy, answers: number): Promise<void> {
  await using channel = await connectTtrpc(`${daemon.address}.ttrpc`);
  const working = busy.work(channel);
  await busy.until(answers);
  await daemon.crash();
  await working;
}

/** What the daemon has now, by kind. */
async function present(daemon: Longshore): Promise<Record<Kind, Set<string>>> {
  await using channel = await connectTtrpc(`${daemon.address}.ttrpc`);
  const found = {} as Record<Kind, Set<string>>;
  for (const kind of kinds) found[kind] = await Busy.list(channel, kind);
  return found;
}

/** A run of the collector, whose end means that what had no record is gone from the disk. */
async function collect(daemon: Longshore): Promise<void> {
  await using channel = await connectTtrpc(`${daemon.address}.ttrpc`);
  const leases = channel.stub(LeasesDefinition, scope);
  await leases.create({ id: "for-a-run" });
  await leases.delete({ id: "for-a-run", sync: true });
}

/** Aborts the writes that the crash cut. */
async function abortWrites(daemon: Longshore): Promise<void> {
  await using channel = await connectTtrpc(`${daemon.address}.ttrpc`);
  const content = channel.stub(ContentDefinition, scope);
  const { statuses } = await content.listStatuses({});
  for (const { ref } of statuses) await content.abort({ ref });
}

function digestOfFile({ root }: Longshore, digest: string): string {
  const file = `${root}/content/blobs/${digest.replace(":", "/")}`;
  return "sha256:" + createHash("sha256").update(Deno.readFileSync(file)).digest("hex");
}

Deno.test("kill -9 at any moment: what was answered holds, what was not is whole or not there, nothing is left over", async () => {
  await using daemon = await startLongshore({ where: "shm" });
  {
    await using channel = await connectTtrpc(`${daemon.address}.ttrpc`);
    await channel.stub(LeasesDefinition, scope).create({ id: lease });
  }
  const busy = new Busy();
  for (const answers of [1, 7, 30, 55, 80, 121, 160, 203]) {
    await crashAfter(daemon, busy, answers);
    await daemon.restart();
    const found = await present(daemon);
    for (const kind of kinds) busy.check(kind, found[kind]);
    await collect(daemon);
    assert.deepEqual(await present(daemon), found, "a lease holds all of it");
    const { blobs, snapshots } = diskOf(daemon);
    assert.deepEqual(new Set(blobs), found.content);
    for (const digest of blobs) assert.equal(digestOfFile(daemon, digest), digest, "a blob is whole");
    assert.equal(snapshots.length, found.snapshot.size);
    // A write that was cut between its rename and its record has no file any more; none has a file and no record.
    await abortWrites(daemon);
    assert.deepEqual(diskOf(daemon).ingests, []);
    busy.adopt(found);
  }
  for (const kind of kinds) assert.ok(busy.count(kind) > 10, `${kind}: too few to tell`);
  await noTraces(daemon);
});
