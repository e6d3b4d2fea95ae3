import assert from "node:assert/strict";
import fc from "fast-check";
import { VersionDefinition } from "../../../lib/api/services/version/v1/version.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { service } from "../../../lib/rpc/service.ts";
import { startTtrpc } from "./transports.ts";

const version = service(VersionDefinition, {
  version: (_, context) => Promise.resolve({ version: context.namespace, revision: context.lease }),
});

Deno.test("a message over 4 MiB is refused with ResourceExhausted, and the connection lives on", async () => {
  await using t = await startTtrpc([version]);
  const stub = t.channel.stub(VersionDefinition);
  const huge = { namespace: "n".repeat(5 << 20) };
  await assert.rejects(stub.version({}, huge), (error) => isError(error, Code.ResourceExhausted));
  assert.equal((await stub.version({}, { namespace: "n" })).version, "n");
});

Deno.test("random bytes neither hang the server nor hurt other clients", async () => {
  await using t = await startTtrpc([version]);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      using conn = await Deno.connect({ transport: "unix", path: t.path });
      await conn.write(bytes);
      await conn.closeWrite();
      while (await conn.read(new Uint8Array(1024)));
    }),
    { numRuns: 200, seed: 1 },
  );
  assert.equal((await t.channel.stub(VersionDefinition).version({}, { namespace: "n" })).version, "n");
});
