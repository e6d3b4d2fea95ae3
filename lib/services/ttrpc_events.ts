/** containerd.services.events.ttrpc.v1: how shims hand in their events. */
import { EventsDefinition } from "../api/services/ttrpc/events/v1/events.ts";
import { invalidArgument } from "../errors.ts";
import type { Exchange } from "../events/mod.ts";
import { type Service, service } from "../rpc/service.ts";

/** The service over an exchange. */
export function ttrpcEventsService(exchange: Exchange): Service {
  return service(EventsDefinition, {
    forward: async ({ envelope }) => {
      if (!envelope) throw invalidArgument("envelope is required");
      await exchange.forward(envelope);
      return {};
    },
  });
}
