import assert from "node:assert/strict";
import { allDefinitions } from "../../../lib/api/mod.ts";
import { VersionDefinition } from "../../../lib/api/services/version/v1/version.ts";
import { prepareDirectories } from "../../../lib/daemon/directories.ts";
import { listen } from "../../../lib/daemon/listen.ts";
import { servicesOf } from "../../../lib/daemon/services.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { connectGrpc } from "../../../lib/rpc/grpc/client.ts";
import { complete, type MethodDefinition, type ServiceDefinition } from "../../../lib/rpc/service.ts";
import { connectTtrpc } from "../../../lib/rpc/ttrpc/client.ts";
import { versionService } from "../../../lib/services/mod.ts";
import { version } from "../../../lib/version.ts";
import { makePlace, modeOf, type Place } from "./scratch.ts";

const rooms = {
  services: [versionService()],
  release: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

async function start(place: Place): Promise<AsyncDisposable> {
  await prepareDirectories(place.config);
  return await listen(place.config, servicesOf(place.config, rooms));
}

const names = (place: Place) => [...Deno.readDirSync(`${place.dir}/state`)].map(({ name }) => name).sort();

Deno.test("both sockets serve, are their owner's alone, and go with the daemon", async () => {
  await using place = await makePlace();
  const { address } = place.config;
  {
    await using _daemon = await start(place);
    assert.deepEqual(names(place), ["longshore.sock", "longshore.sock.ttrpc", "shim", "tasks"]);
    assert.deepEqual([modeOf(address), modeOf(`${address}.ttrpc`)], ["600", "600"]);
    for (const open of [() => connectGrpc(address), () => connectTtrpc(`${address}.ttrpc`)]) {
      await using channel = await open();
      assert.equal((await channel.stub(VersionDefinition).version({})).version, version);
    }
  }
  assert.deepEqual(names(place), ["shim", "tasks"]);
});

Deno.test("a dead daemon's sockets are replaced, a live one's refused, another file left alone", async () => {
  await using place = await makePlace();
  const { address } = place.config;
  await prepareDirectories(place.config);
  for (const path of [address, `${address}.ttrpc`]) leaveSocket(path);
  assert.ok(Deno.lstatSync(address).isSocket, "the stale socket is there");
  {
    await using _daemon = await start(place);
    const served = (error: unknown) =>
      isError(error, Code.FailedPrecondition) && error.message.includes(address);
    await assert.rejects(start(place), served);
    await using channel = await connectTtrpc(`${address}.ttrpc`);
    assert.equal((await channel.stub(VersionDefinition).version({})).version, version);
  }
  await Deno.writeTextFile(address, "precious");
  await assert.rejects(start(place), (error) => isError(error, Code.FailedPrecondition));
  assert.equal(await Deno.readTextFile(address), "precious");
  assert.deepEqual(names(place), ["longshore.sock", "shim", "tasks"]);
});

Deno.test("every method of the API without code answers Unimplemented, on both sockets", async () => {
  await using place = await makePlace();
  await using _daemon = await start(place);
  const { address } = place.config;
  for (const open of [() => connectGrpc(address), () => connectTtrpc(`${address}.ttrpc`)]) {
    await using channel = await open();
    let asked = 0;
    for (const definition of allDefinitions as readonly ServiceDefinition[]) {
      if (definition.fullName === VersionDefinition.fullName) continue;
      for (const [key, method] of Object.entries(definition.methods)) {
        const call = (channel.stub(definition) as Record<string, Ask>)[key]!;
        await assert.rejects(
          answerOf(call, method),
          (error) => isError(error, Code.Unimplemented),
          definition.fullName,
        );
        asked++;
      }
    }
    assert.ok(asked > 80, `${asked} methods`);
  }
});

/** A socket that nobody listens on: its file outlives the listener, which knows it by another name. */
function leaveSocket(path: string): void {
  const listener = Deno.listen({ transport: "unix", path: `${path}.new` });
  Deno.renameSync(`${path}.new`, path);
  listener.close();
}

// deno-lint-ignore no-explicit-any
type Ask = (request: unknown) => any;

async function answerOf(call: Ask, method: MethodDefinition): Promise<unknown> {
  const request = complete(method.requestType, {});
  const answer = call(method.requestStream ? only(request) : request);
  return method.responseStream ? await Array.fromAsync(answer) : await answer;
}

async function* only<T>(value: T): AsyncGenerator<T> {
  yield await value;
}
