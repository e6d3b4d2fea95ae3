/**
 * The event exchange: what one part of the daemon publishes, every subscriber gets, in order.
 *
 * Nothing is stored: a subscriber sees what is published after it subscribed. A slow subscriber has a queue of
 * its own and delays nobody.
 */
import type { Any } from "../api/google/protobuf/any.ts";
import type { Envelope } from "../api/types/event.ts";

/** The exchange's publishing half: what the other rooms need. */
export interface Publisher {
  /** Publishes `event` (see {@linkcode anyOf} in lib/rpc) under `topic`, "/images/create" say. */
  publish(namespace: string, topic: string, event: Any): void;
}

/** The whole exchange. */
export interface Exchange extends Publisher {
  /** Publishes an envelope that a shim or client made, timestamp and namespace kept. */
  forward(envelope: Envelope): void;
  /** Envelopes from now on that match any of `filters` (all if none), until `signal` aborts. */
  subscribe(filters: readonly string[], signal: AbortSignal): AsyncIterable<Envelope>;
}
