import assert from "node:assert/strict";
import { ContentDefinition, WriteAction } from "../../../lib/api/services/content/v1/content.ts";
import { EventsDefinition } from "../../../lib/api/services/events/v1/events.ts";
import { ImagesDefinition } from "../../../lib/api/services/images/v1/images.ts";
import { NamespacesDefinition } from "../../../lib/api/services/namespaces/v1/namespace.ts";
import { SandboxDefinition } from "../../../lib/api/runtime/sandbox/v1/sandbox.ts";
import { TasksDefinition } from "../../../lib/api/services/tasks/v1/tasks.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { connectGrpc } from "../../../lib/rpc/grpc/client.ts";
import type { Channel } from "../../../lib/rpc/service.ts";
import { connectTtrpc } from "../../../lib/rpc/ttrpc/client.ts";
import { Client } from "../../../mod.ts";
import {
  busyboxImage,
  type Longshore,
  push,
  Scratch,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";

const fails = (code: Code) => (error: unknown) => isError(error, code);
const namespace = `rude-${Deno.pid}`;
/** Without it a collection may take what nothing refers to at any time. */
const kept = { "containerd.io/gc.root": "test" };

/** Runs a body over both sockets of one daemon. */
async function overBoth(
  body: (connect: () => Promise<Channel>, name: string, daemon: Longshore) => Promise<void>,
) {
  await using daemon = await startLongshore();
  await body(() => connectGrpc(daemon.address), "grpc", daemon);
  await body(() => connectTtrpc(`${daemon.address}.ttrpc`), "ttrpc", daemon);
}

/** Messages that a test sends when it wants to. */
async function* paced<T>(messages: T[], until: Promise<unknown>): AsyncGenerator<T> {
  yield* messages;
  await until;
}

Deno.test("a client that vanishes in the middle of a write leaves the ref to the next one, with what it wrote", () =>
  overBoth(async (connect, name) => {
    const first = await connect();
    const gone = Promise.withResolvers<void>();
    const ref = `cut-${name}`;
    const write = { action: WriteAction.WRITE, ref, offset: 0n, data: new TextEncoder().encode("half ") };
    const answers = first.stub(ContentDefinition, { namespace }).write(paced([write], gone.promise));
    for await (const { offset } of answers) {
      assert.equal(offset, 5n);
      const other = await connect();
      const busy = other.stub(ContentDefinition, { namespace }).write(
        paced([{ ...write, offset: 5n }], Promise.resolve()),
      );
      await assert.rejects(Array.fromAsync(busy), fails(Code.Unavailable));
      await other[Symbol.asyncDispose]();
      break;
    }
    gone.resolve();
    await first[Symbol.asyncDispose]();

    await using second = await connect();
    const content = second.stub(ContentDefinition, { namespace });
    const rest = {
      action: WriteAction.COMMIT,
      ref,
      offset: 5n,
      data: new TextEncoder().encode("whole"),
      total: 10n,
      labels: kept,
    };
    let digest = "";
    for (let tries = 0; !digest && tries < 100; tries++) {
      try {
        for await (const answer of content.write(paced([rest], Promise.resolve()))) digest = answer.digest;
      } catch (error) {
        // The daemon hears of the hang-up a moment after us.
        if (!isError(error, Code.Unavailable)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    const read = await Array.fromAsync(content.read({ digest }));
    assert.equal(read.map(({ data }) => new TextDecoder().decode(data)).join(""), "half whole");
    await content.delete({ digest });
  }));

Deno.test("writes at wrong places and reads past the end are OutOfRange", () =>
  overBoth(async (connect, name) => {
    await using channel = await connect();
    const content = channel.stub(ContentDefinition, { namespace });
    const write = (message: object) =>
      Array.fromAsync(
        content.write(
          paced([{ action: WriteAction.WRITE, ref: `w-${name}`, ...message }], Promise.resolve()),
        ),
      );
    const data = new Uint8Array(10);
    await assert.rejects(write({ offset: 3n, data }), fails(Code.OutOfRange));
    await assert.rejects(write({ data, total: 5n }), fails(Code.OutOfRange));
    await assert.rejects(write({ ref: "", data }), fails(Code.InvalidArgument));
    const text = new TextEncoder().encode(name);
    const [answer] = await write({ action: WriteAction.COMMIT, ref: `ok-${name}`, data: text, labels: kept });
    const digest = answer!.digest;
    await assert.rejects(Array.fromAsync(content.read({ digest, offset: 100n })), fails(Code.OutOfRange));
    const part = await Array.fromAsync(content.read({ digest, offset: 1n, size: 2n }));
    assert.equal(new TextDecoder().decode(part[0]!.data), name.slice(1, 3));
    await content.abort({ ref: `w-${name}` }).catch(() => {});
  }));

Deno.test("a call without a namespace is FailedPrecondition, one for a shim's service Unimplemented", () =>
  overBoth(async (connect) => {
    await using channel = await connect();
    await assert.rejects(
      channel.stub(ImagesDefinition).list({ filters: [] }),
      /namespace is required: failed precondition/,
    );
    assert.ok(await channel.stub(NamespacesDefinition).list({ filter: "" }));
    await assert.rejects(
      channel.stub(SandboxDefinition, { namespace }).platform({}),
      fails(Code.Unimplemented),
    );
    await assert.rejects(
      channel.stub(TasksDefinition, { namespace: "../up" }).list({}),
      fails(Code.InvalidArgument),
    );
  }));

Deno.test("clients that vanish while they wait or listen cost the daemon nothing lasting", async () => {
  await using scratch = await Scratch.make();
  await using registry = await startRegistry();
  await using daemon = await startLongshore();
  await using client = await Client.connect(daemon.address, { namespace });
  const image = await client.pull(await push(await busyboxImage(scratch), registry, "busybox:latest"));
  await using container = await client.newContainer("rude-waited-for", { image, args: ["sleep", "1000"] });
  await using task = await container.newTask();
  await task.start();
  const descriptors = () => [...Deno.readDirSync(`/proc/${daemon.pid}/fd`)].length;
  const vanish = async () => {
    await Promise.all(Array.from({ length: 20 }, async () => {
      for (
        const channel of [await connectGrpc(daemon.address), await connectTtrpc(`${daemon.address}.ttrpc`)]
      ) {
        const wait = channel.stub(TasksDefinition, { namespace }).wait({ containerId: container.id });
        const listen = Array.fromAsync(
          channel.stub(EventsDefinition, { namespace }).subscribe({ filters: [] }),
        );
        setTimeout(() => channel[Symbol.asyncDispose](), 50);
        await Promise.allSettled([wait, listen]);
      }
    }));
    await new Promise((resolve) => setTimeout(resolve, 300));
  };
  await vanish();
  const before = descriptors();
  await vanish();
  await vanish();
  assert.ok(descriptors() <= before + 5, `${before} descriptors grew to ${descriptors()}`);
  await task.kill("SIGKILL");
  assert.equal((await task.wait()).code, 137);
});
