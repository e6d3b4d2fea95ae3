/** The same calls, in the same order, to Debian's containerd and to ours: the answers' classes are the same. */
import assert from "node:assert/strict";
import { Client, type Image } from "../../../mod.ts";
import { connectGrpc } from "../../../lib/rpc/grpc/client.ts";
import { connectTtrpc } from "../../../lib/rpc/ttrpc/client.ts";
import type { Channel } from "../../../lib/rpc/service.ts";
import { makeFifo } from "../../../lib/sys/mod.ts";
import {
  busyboxImage,
  push,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { Caller } from "./calls.ts";
import { classed, justified, type Scenario, scenarios } from "./scenarios.ts";

/** A daemon, and one way to it. */
interface Side {
  readonly channel: Channel;
  readonly namespace: string;
  readonly image: Image;
}

/** What each call is answered, by its place in the scenario. */
async function answersOf({ channel, namespace, image }: Side, scenario: Scenario, fifo: string) {
  const { args = ["sleep", "1000"], terminal, hostPids } = scenario;
  using _reader = await readerOf(fifo);
  const client = Client.over(channel, { namespace });
  const container = await client.newContainer(fifo.split("/").at(-1)!, {
    image,
    args,
    spec: [(spec) => {
      spec.process.terminal = terminal ?? false;
      if (hostPids) spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid");
    }],
  });
  const { process } = await container.spec();
  const caller = new Caller(channel, namespace, container.id, process, fifo);
  const answers = new Map<string, string>();
  for (const [n, call] of scenario.calls.split(/; */).entries()) {
    answers.set(`${scenario.name} [${n}] ${call}`, await caller.say(call));
  }
  for (const call of ["resume", "kill - 9 all", "wait", "delete"]) await caller.say(call);
  await container.delete();
  return answers;
}

/** Makes a FIFO and holds it open. */
async function readerOf(path: string): Promise<Disposable> {
  makeFifo(path, 0o600);
  return await Deno.open(path, { read: true, write: true });
}

/** Answers that differ, and nobody has said why; and those that should differ, but don't. */
function unjustified(expected: Map<string, string>, others: Map<string, string>): string[] {
  return [...expected].flatMap(([call, theirs]) => {
    const ours = others.get(call)!;
    const [wantTheirs, wantOurs] = justified[call] ??
      (theirs === "Unknown" && classed.includes(ours) ? [theirs, ours] : [theirs, theirs]);
    return theirs === wantTheirs && ours === wantOurs ? [] : [`${call}: containerd ${theirs}, ours ${ours}`];
  });
}

Deno.test("calls in and out of order are answered as containerd answers them", async (t) => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  const name = await push(await busyboxImage(scratch), registry, "box:1");
  await using theirs = await startContainerd("shm");
  await using ours = await startLongshore({ where: "shm" });
  await using gochannel = await connectGrpc(theirs.address);
  await using grpc = await connectGrpc(ours.address);
  await using ttrpc = await connectTtrpc(`${ours.address}.ttrpc`);
  // runc's directories are shared by all of Debian's containerds.
  const namespace = `codes-${crypto.randomUUID().slice(0, 8)}`;
  const sides: Side[] = [];
  for (const channel of [gochannel, grpc, ttrpc]) {
    sides.push({ channel, namespace, image: await Client.over(channel, { namespace }).pull(name) });
  }
  for (const [n, scenario] of scenarios.entries()) {
    await t.step(scenario.name, async () => {
      const [expected, ...others] = await Promise.all(
        sides.map((side, at) => answersOf(side, scenario, scratch.join(`c${n}-${at}`))),
      );
      for (const answers of others) assert.deepEqual(unjustified(expected!, answers), []);
    });
  }
});
