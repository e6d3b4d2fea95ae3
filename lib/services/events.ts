/** containerd.services.events.v1 */
import { EventsDefinition } from "../api/services/events/v1/events.ts";
import { invalidArgument } from "../errors.ts";
import type { Exchange } from "../events/mod.ts";
import { requireNamespace } from "../rpc/context.ts";
import { type Service, service } from "../rpc/service.ts";

/** The service over an exchange. A subscription sees all namespaces unless its filters say otherwise. */
export function eventsService(exchange: Exchange): Service {
  return service(EventsDefinition, {
    publish: async ({ topic, event }, context) => {
      const { namespace } = requireNamespace(context);
      if (!event) throw invalidArgument("event is required");
      await exchange.publish(namespace, topic, event);
      return {};
    },
    forward: async ({ envelope }) => {
      if (!envelope) throw invalidArgument("envelope is required");
      await exchange.forward(envelope);
      return {};
    },
    subscribe: ({ filters }, { signal }) => exchange.subscribe(filters, signal),
  });
}
