import assert from "node:assert/strict";
import { LeasesDefinition } from "../../../lib/api/services/leases/v1/leases.ts";
import { NamespacesDefinition } from "../../../lib/api/services/namespaces/v1/namespace.ts";
import { SnapshotsDefinition } from "../../../lib/api/services/snapshots/v1/snapshots.ts";
import { VersionDefinition } from "../../../lib/api/services/version/v1/version.ts";
import { dial } from "../../../lib/client/connect.ts";
import { Code, isError, unimplemented } from "../../../lib/errors.ts";
import { serveGrpc } from "../../../lib/rpc/grpc/server.ts";
import { type Service, service } from "../../../lib/rpc/service.ts";
import { serveTtrpc } from "../../../lib/rpc/ttrpc/server.ts";

/** Servers on a gRPC socket and the ttrpc socket beside it, while `work` has a client dialled to them. */
async function between(
  { ttrpc, grpc }: { ttrpc: Service[]; grpc?: Service[] },
  work: (address: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "longshore-dial-" });
  const address = `${dir}/sock`;
  const light = serveTtrpc(Deno.listen({ transport: "unix", path: `${address}.ttrpc` }), ttrpc);
  const heavy = grpc && serveGrpc(Deno.listen({ transport: "unix", path: address }), grpc);
  try {
    await work(address);
  } finally {
    await light.shutdown();
    await heavy?.shutdown();
    await Deno.remove(dir, { recursive: true });
  }
}

/** Answers with its name, and notes each time it is asked. */
function versionOf(name: string, asked: string[]): Service {
  return service(VersionDefinition, {
    version: () => {
      asked.push(name);
      return Promise.resolve({ version: name, revision: "" });
    },
  });
}

const namespaces = (name: string) =>
  service(NamespacesDefinition, { list: () => Promise.resolve({ namespaces: [{ name, labels: {} }] }) });

Deno.test("dial() asks our daemon nothing before the first call", async () => {
  const asked: string[] = [];
  await between({ ttrpc: [versionOf("light", asked), namespaces("light")] }, async (address) => {
    await using channel = await dial(address);
    const { namespaces } = await channel.stub(NamespacesDefinition).list({});
    assert.deepEqual([namespaces[0]?.name, asked], ["light", []]);
    // What our daemon doesn't have, gRPC would not have either: there is no socket for it here.
    await assert.rejects(
      channel.stub(LeasesDefinition).list({}),
      (error) => isError(error, Code.Unimplemented),
    );
  });
});

Deno.test("dial() with a signal has the daemon answer first", async () => {
  const asked: string[] = [];
  await between({ ttrpc: [versionOf("light", asked)] }, async (address) => {
    await using _channel = await dial(address, AbortSignal.timeout(60_000));
    assert.deepEqual(asked, ["light"]);
  });
});

Deno.test("a daemon that serves little over ttrpc is asked over gRPC, from the first call on", async () => {
  const asked: string[] = [];
  const servers = { ttrpc: [namespaces("light")], grpc: [versionOf("heavy", asked), namespaces("heavy")] };
  await between(servers, async (address) => {
    await using channel = await dial(address);
    const calls = [1, 2].map(() => channel.stub(VersionDefinition).version({}));
    assert.deepEqual((await Promise.all(calls)).map(({ version }) => version), ["heavy", "heavy"]);
    const { namespaces } = await channel.stub(NamespacesDefinition).list({});
    assert.equal(namespaces[0]?.name, "heavy");
  });
});

Deno.test("a call that is refused over ttrpc after another has shown why comes over gRPC, too", async () => {
  const refusal = Promise.withResolvers<never>();
  const late = service(LeasesDefinition, { list: () => refusal.promise });
  const leases = service(LeasesDefinition, { list: () => Promise.resolve({ leases: [] }) });
  await between({ ttrpc: [late], grpc: [versionOf("heavy", []), leases] }, async (address) => {
    await using channel = await dial(address);
    const list = channel.stub(LeasesDefinition).list({});
    assert.equal((await channel.stub(VersionDefinition).version({})).version, "heavy");
    refusal.reject(unimplemented("service"));
    assert.deepEqual((await list).leases, []);
  });
});

Deno.test("a stream that the ttrpc socket doesn't serve comes over gRPC, whatever was answered before", async () => {
  const snapshots = service(SnapshotsDefinition, {
    async *list() {
      yield await Promise.resolve({ info: [] });
    },
  });
  const servers = { ttrpc: [namespaces("light")], grpc: [versionOf("heavy", []), snapshots] };
  await between(servers, async (address) => {
    for (const before of [false, true]) {
      await using channel = await dial(address);
      if (before) await channel.stub(NamespacesDefinition).list({});
      assert.equal((await Array.fromAsync(channel.stub(SnapshotsDefinition).list({}))).length, 1);
    }
  });
});
