/** What a run asks for at once, over both sockets; and that `ctr run` needs nothing of it. */
import assert from "node:assert/strict";
import { LaunchDefinition, type PrepareRequest } from "../../../lib/api/services/launch/v1/launch.ts";
import { LeasesDefinition } from "../../../lib/api/services/leases/v1/leases.ts";
import { SnapshotsDefinition } from "../../../lib/api/services/snapshots/v1/snapshots.ts";
import { Code, isError } from "../../../lib/errors.ts";
import type { Channel } from "../../../lib/rpc/service.ts";
import { busyboxImage, must, Scratch } from "../../harness/mod.ts";
import { overBoth } from "./both.ts";

const fails = (code: Code) => (error: unknown) => isError(error, code);
const scope = { namespace: "default" };
const snapshotter = "overlayfs";
const request: PrepareRequest = { image: "box", platform: "", snapshotter, key: "", labels: {}, user: "" };

async function keysOf(channel: Channel): Promise<string[]> {
  const keys: string[] = [];
  for await (const { info } of channel.stub(SnapshotsDefinition, scope).list({ snapshotter, filters: [] })) {
    keys.push(...info.map(({ name }) => name).filter((name) => !name.startsWith("sha256:")));
  }
  return keys;
}

Deno.test("a launch is an image's config, a snapshot under a lease, and a user", async () => {
  await using scratch = await Scratch.make("shm");
  const image = await busyboxImage(scratch, ["--config.user", "alice", "--config.env", "A=b"]);
  const archive = scratch.join("image.tar");
  await must("tar", ["-C", image.path, "-cf", archive, "."]);
  await overBoth(async (connect, name, daemon) => {
    await using channel = await connect();
    const ctr = async (...args: string[]) => {
      const { code, stdout, stderr } = await daemon.ctr(args);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    await ctr("images", "import", "--index-name", "box", archive);
    const launches = channel.stub(LaunchDefinition, scope);
    const leases = channel.stub(LeasesDefinition, scope);

    const key = `key-${name}`;
    const made = await launches.prepare({ ...request, key, labels: { colour: "blue" } });
    const { config } = JSON.parse(new TextDecoder().decode(made.config));
    assert.deepEqual([config.User, config.Env.at(-1)], ["alice", "A=b"]);
    assert.deepEqual(made.user, { uid: 1000, gid: 1000, additionalGids: [1000, 29, 44] });
    const { info } = await channel.stub(SnapshotsDefinition, scope).stat({ snapshotter, key });
    assert.equal(info!.labels.colour, "blue");
    const { mounts } = await channel.stub(SnapshotsDefinition, scope).mounts({ snapshotter, key });
    assert.deepEqual(made.mounts, mounts);
    const { resources } = await leases.listResources({ id: made.lease });
    assert.deepEqual(resources, [{ id: key, type: "snapshots/overlayfs" }]);

    await assert.rejects(launches.prepare({ ...request, key }), fails(Code.AlreadyExists));
    await assert.rejects(
      launches.prepare({ ...request, key: "x", user: "nobody-here" }),
      fails(Code.InvalidArgument),
    );
    await assert.rejects(launches.prepare({ ...request, key: "x", image: "other" }), fails(Code.NotFound));
    await assert.rejects(
      launches.prepare({ ...request, key: "x", platform: "linux/s390x" }),
      fails(Code.NotFound),
    );
    assert.deepEqual(await keysOf(channel), [key], "what failed has left no snapshot");
    const held = (await leases.list({ filters: [] })).leases.map(({ id }) => id);
    assert.deepEqual(held, [made.lease], "nor a lease");

    await leases.delete({ id: made.lease, sync: true });
    assert.deepEqual(await keysOf(channel), [], "without its lease a snapshot that nobody has is garbage");

    assert.equal(await ctr("run", "--rm", "box", `run-${name}`, "id", "-nu"), "alice\n");
    assert.equal(await ctr("run", "--rm", "--user", "0:0", "box", `run-${name}`, "id", "-G"), "0\n");
    assert.deepEqual((await leases.list({ filters: [] })).leases, []);
    assert.deepEqual(await keysOf(channel), []);
  });
});
