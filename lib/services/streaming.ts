/**
 * containerd.services.streaming.v1.Streaming: streams that a client opens under a name of its own, for another
 * call (a transfer) to use. The first message is a StreamInit with the name; an empty message answers it.
 */
import { Any } from "../api/google/protobuf/any.ts";
import { StreamingDefinition, StreamInit } from "../api/services/streaming/v1/streaming.ts";
import { alreadyExists, invalidArgument, notFound } from "../errors.ts";
import { requireNamespace } from "../rpc/context.ts";
import { anyOf, nameOf } from "../rpc/any.ts";
import { Queue } from "../rpc/queue.ts";
import { type Service, service } from "../rpc/service.ts";
import type { Scope } from "../scope.ts";

/** One open stream, as the daemon's side sees it. */
export interface NamedStream {
  /** What the client sends. */
  readonly incoming: AsyncIterator<Any>;
  /** Sends to the client; nothing happens when it has gone. */
  send(message: Any): void;
  /** Ends the stream. */
  close(): void;
}

/** The open streams by namespace and name. */
export class Streams {
  readonly #streams = new Map<string, NamedStream>();

  /** Throws NotFound. */
  get({ namespace }: Scope, id: string): NamedStream {
    const stream = this.#streams.get(keyOf(namespace, id));
    if (!stream) throw notFound(`stream ${JSON.stringify(id)}`);
    return stream;
  }

  /** Throws AlreadyExists. */
  add({ namespace }: Scope, id: string, stream: NamedStream): void {
    const key = keyOf(namespace, id);
    if (this.#streams.has(key)) throw alreadyExists(`stream ${JSON.stringify(id)}`);
    this.#streams.set(key, stream);
  }

  delete({ namespace }: Scope, id: string): void {
    this.#streams.delete(keyOf(namespace, id));
  }
}

const keyOf = (namespace: string, id: string) => `${namespace}/${id}`;

/** The streaming service; `streams` is what others find the streams in. */
export function streamingService(streams: Streams): Service {
  return service(StreamingDefinition, {
    stream: async function* (request, context) {
      const scope = requireNamespace(context);
      const incoming = request[Symbol.asyncIterator]();
      const { value: first, done } = await incoming.next();
      if (done || nameOf(first.typeUrl) !== "containerd.services.streaming.v1.StreamInit") {
        throw invalidArgument("a stream begins with a StreamInit");
      }
      const { id } = StreamInit.decode(first.value);
      if (!id) throw invalidArgument("a stream needs an id");
      const outgoing = new Queue<Any>();
      const send = (message: Any) => void outgoing.push(message);
      const close = () => outgoing.close();
      streams.add(scope, id, { incoming, send, close });
      context.signal.addEventListener("abort", close, { once: true });
      try {
        yield anyOf("google.protobuf.Empty", Any, Any.decode(new Uint8Array()));
        yield* outgoing;
      } finally {
        context.signal.removeEventListener("abort", close);
        streams.delete(scope, id);
      }
    },
  });
}
