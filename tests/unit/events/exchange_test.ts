import assert from "node:assert/strict";
import { TaskExit } from "../../../lib/api/events/task.ts";
import { ImageCreate } from "../../../lib/api/events/image.ts";
import type { Envelope } from "../../../lib/api/types/event.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { createExchange } from "../../../lib/events/mod.ts";
import { anyOf } from "../../../lib/rpc/any.ts";
import { complete } from "../../../lib/rpc/service.ts";
import { now } from "../../../lib/rpc/timestamp.ts";

const image = (name: string, labels: Record<string, string> = {}) =>
  anyOf("containerd.services.images.v1.ImageCreate", ImageCreate, { name, labels });

/** The topics and names that a subscriber with `filters` gets of what `publish` publishes. */
async function seen(filters: string[], publish: (exchange: ReturnType<typeof createExchange>) => void) {
  const exchange = createExchange();
  const stop = new AbortController();
  const events = exchange.subscribe(filters, stop.signal);
  publish(exchange);
  stop.abort();
  const got: Envelope[] = [];
  for await (const envelope of events) got.push(envelope);
  return got;
}

Deno.test("a subscriber gets all since it subscribed, in order", async () => {
  const got = await seen([], (exchange) => {
    for (let n = 0; n < 1000; n++) exchange.publish("ns", "/images/create", image(`${n}`));
  });
  assert.deepEqual(
    got.map(({ event }) => ImageCreate.decode(event!.value).name),
    [...Array(1000).keys()].map(String),
  );
  assert.ok(got[0]!.timestamp!.seconds > 0n);
});

Deno.test("a slow subscriber delays nobody, and one that leaves gets no more", async () => {
  const exchange = createExchange();
  const stop = new AbortController();
  const slow = exchange.subscribe([], stop.signal)[Symbol.asyncIterator]();
  const quick = exchange.subscribe([], stop.signal);
  for (let n = 0; n < 10; n++) exchange.publish("ns", "/a", image(`${n}`));
  let count = 0;
  for await (const _ of quick) if (++count === 10) break;
  assert.equal(count, 10);
  stop.abort();
  let late = 0;
  while (!(await slow.next()).done) late++;
  assert.equal(late, 10);
  exchange.publish("ns", "/a", image("x"));
  assert.deepEqual(await slow.next(), { done: true, value: undefined });
});

Deno.test("filters see namespace, topic and the event's fields", async () => {
  const exit = anyOf(
    "types.googleapis.com/containerd.events.TaskExit",
    TaskExit,
    complete(TaskExit, { containerId: "c1", id: "e" }),
  );
  const publish = (exchange: ReturnType<typeof createExchange>) => {
    exchange.publish("one", "/images/create", image("i", { "a.b": "x" }));
    exchange.publish("two", "/tasks/exit", exit);
    exchange.publish("two", "/odd", { typeUrl: "containerd.events.TaskExit", value: new Uint8Array([255]) });
    exchange.publish("two", "/alien", { typeUrl: "unknown", value: new Uint8Array() });
  };
  const cases: [string[], string[]][] = [
    [["namespace==one"], ["/images/create"]],
    [["topic~=|^/tasks/|"], ["/tasks/exit"]],
    [[`topic=="/tasks/exit"`, "event.name==i"], ["/images/create", "/tasks/exit"]],
    [["event.labels.a.b==x"], ["/images/create"]],
    [["event.container_id==c1,event.id==e"], ["/tasks/exit"]],
    [["event.container_id!=c1,namespace==two"], ["/odd", "/alien"]],
  ];
  for (const [filters, topics] of cases) {
    assert.deepEqual((await seen(filters, publish)).map(({ topic }) => topic), topics, filters.join(" or "));
  }
});

Deno.test("topics, namespaces and envelopes are checked", () => {
  const exchange = createExchange();
  const invalid = (message: RegExp) => (error: unknown) =>
    isError(error, Code.InvalidArgument) && message.test(error.message);
  const topics: [string, RegExp][] = [
    ["", /must not be empty/],
    ["a", /must start with '\/'/],
    ["/", /must have at least one component/],
    ["/a//b", /failed validation on component "": identifier must not be empty/],
    ["/a b", /failed validation on component "a b"/],
  ];
  for (const [topic, message] of topics) {
    assert.throws(() => exchange.publish("ns", topic, image("i")), invalid(message), topic);
  }
  assert.throws(
    () => exchange.publish("", "/a", image("i")),
    (error) => isError(error, Code.FailedPrecondition) && /namespace is required/.test(error.message),
  );
  const envelope = { namespace: "ns", topic: "/a", event: image("i") };
  assert.throws(
    () => exchange.forward({ ...envelope, timestamp: undefined }),
    invalid(/timestamp must be set/),
  );
  assert.throws(
    () => exchange.forward({ ...envelope, namespace: "", timestamp: now() }),
    invalid(/invalid namespace/),
  );
  exchange.forward({ ...envelope, timestamp: now() });
});

Deno.test("a subscription with a wrong filter fails at once", () => {
  assert.throws(() => createExchange().subscribe(["=="], AbortSignal.abort()), /parse error/);
});
