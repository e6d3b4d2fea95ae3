/** Every service of the API: those that have code, and the others, which answer Unimplemented. */
import { allDefinitions } from "../api/mod.ts";
import type { Service } from "../rpc/service.ts";
import type { Config } from "./config.ts";
import type { Rooms } from "./rooms.ts";

/** Services of shims, which daemons do not serve. */
const ofShims = /^containerd\.(task|runtime)\./;

/** The table of services for the listeners. */
export function servicesOf(_config: Config, rooms: Pick<Rooms, "services">): Service[] {
  const written = new Map(rooms.services.map((service) => [service.definition.fullName, service]));
  return allDefinitions
    .filter(({ fullName }) => !ofShims.test(fullName))
    .map((definition) => written.get(definition.fullName) ?? { definition, impl: {} });
}
