/** The exchange of a daemon. */
import type { Envelope } from "../api/types/event.ts";
import { failedPrecondition } from "../errors.ts";
import { faultPoint } from "../fault.ts";
import { parseFilters } from "../filters/mod.ts";
import { checkIdentifier } from "./identifiers.ts";
import { Queue } from "../rpc/queue.ts";
import { now } from "../rpc/timestamp.ts";
import type { Exchange } from "./exchange.ts";
import { envelopeFields } from "./fields.ts";
import { checkEnvelope, checkTopic } from "./topics.ts";

interface Subscriber {
  readonly queue: Queue<Envelope>;
  readonly match: ReturnType<typeof parseFilters>;
}

/**
 * A new exchange. Subscribers count from the call of `subscribe`, not from the first read; each has a queue
 * without limit, so that it loses nothing and holds up nobody.
 */
export function createExchange(): Exchange {
  const subscribers = new Set<Subscriber>();

  function send(envelope: Envelope): void {
    const field = envelopeFields(envelope);
    for (const { queue, match } of subscribers) if (match(field)) queue.push(envelope);
  }

  return {
    publish(namespace, topic, event) {
      if (!namespace) throw failedPrecondition("failed publishing event: namespace is required");
      checkIdentifier(namespace, "failed publishing event: namespace validation");
      checkTopic(topic);
      faultPoint("event.publish");
      send({ timestamp: now(), namespace, topic, event });
      faultPoint("event.published");
    },
    forward(envelope) {
      checkEnvelope(envelope);
      faultPoint("event.publish");
      send(envelope);
      faultPoint("event.published");
    },
    subscribe(filters, signal) {
      const match = parseFilters(filters);
      const leave = () => {
        subscribers.delete(subscriber);
        signal.removeEventListener("abort", leave);
        subscriber.queue.close();
      };
      const subscriber: Subscriber = { queue: new Queue(Infinity, leave), match };
      if (signal.aborted) {
        subscriber.queue.close();
        return subscriber.queue;
      }
      subscribers.add(subscriber);
      signal.addEventListener("abort", leave);
      return subscriber.queue;
    },
  };
}
