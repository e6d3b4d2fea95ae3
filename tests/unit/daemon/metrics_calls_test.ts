import assert from "node:assert/strict";
import { EventsDefinition } from "../../../lib/api/services/events/v1/events.ts";
import { VersionDefinition } from "../../../lib/api/services/version/v1/version.ts";
import { CallCounter } from "../../../lib/daemon/metrics_calls.ts";
import { render } from "../../../lib/daemon/metrics_text.ts";
import { notFound } from "../../../lib/errors.ts";
import { localChannel } from "../../../lib/rpc/local.ts";
import { service } from "../../../lib/rpc/service.ts";

const label = (service: string, method: string, type: string) =>
  `grpc_method="${method}",grpc_service="${service}",grpc_type="${type}"`;
const version = label("containerd.services.version.v1.Version", "Version", "unary");
const events = label("containerd.services.events.v1.Events", "Subscribe", "server_stream");

/** A channel to services whose second call of Version fails. */
function counted(counter: CallCounter) {
  let calls = 0;
  const versions = service(VersionDefinition, {
    version: () => {
      if (calls++) throw notFound("version");
      return Promise.resolve({ version: "1", revision: "" });
    },
  });
  const three = service(EventsDefinition, {
    subscribe: async function* () {
      for (let n = 0; n < 3; n++) {
        yield { timestamp: undefined, namespace: "a", topic: `/${n}`, event: undefined };
      }
    },
  });
  return localChannel(counter.count([versions, three]));
}

Deno.test("CallCounter counts calls by service, method and code, and messages of streams", async () => {
  const counter = new CallCounter({ histogram: false });
  assert.deepEqual(
    counter.families().flatMap(({ samples }) => samples),
    [],
    "what nobody called is left out",
  );
  await using channel = counted(counter);
  const stub = channel.stub(VersionDefinition);
  assert.equal((await stub.version({})).version, "1");
  await assert.rejects(stub.version({}), /version: not found/);
  await assert.rejects(channel.stub(EventsDefinition).publish({}), /not implemented/);
  await Array.fromAsync(channel.stub(EventsDefinition).subscribe({}, { namespace: "a" }));
  const lines = (await render(counter.families())).split("\n").filter((line) =>
    line && !line.startsWith("#")
  );
  assert.deepEqual(lines, [
    `grpc_server_handled_total{grpc_code="OK",${version}} 1`,
    `grpc_server_handled_total{grpc_code="NotFound",${version}} 1`,
    `grpc_server_handled_total{grpc_code="OK",${events}} 1`,
    `grpc_server_msg_received_total{${version}} 2`,
    `grpc_server_msg_received_total{${events}} 1`,
    `grpc_server_msg_sent_total{${version}} 1`,
    `grpc_server_msg_sent_total{${events}} 3`,
    `grpc_server_started_total{${version}} 2`,
    `grpc_server_started_total{${events}} 1`,
  ]);
});

Deno.test("CallCounter tells how long calls take, if asked to", async () => {
  const counter = new CallCounter({ histogram: true });
  await using channel = counted(counter);
  await channel.stub(VersionDefinition).version({});
  const text = await render(counter.families());
  const count = (suffix: string) =>
    Number(new RegExp(`^grpc_server_handling_seconds${suffix} (\\S+)$`, "m").exec(text)?.[1]);
  assert.equal(count(`_count\\{${version}\\}`), 1);
  assert.equal(count(`_bucket\\{${version},le="\\+Inf"\\}`), 1);
  assert.ok(count(`_sum\\{${version}\\}`) > 0);
  assert.equal(text.match(/_bucket/g)?.length, 12);
});

Deno.test("CallCounter counts a stream that its client leaves", async () => {
  const counter = new CallCounter({ histogram: false });
  await using channel = counted(counter);
  for await (const _ of channel.stub(EventsDefinition).subscribe({}, { namespace: "a" })) break;
  assert.match(await render(counter.families()), /grpc_server_handled_total\{[^}]*Subscribe[^}]*\} 1/);
});
