/** The events room: what happens in the daemon, told to whoever listens. */
export { createExchange } from "./broadcast.ts";
export type { Exchange, Publisher } from "./exchange.ts";
export { eventCodec } from "./fields.ts";
export { checkIdentifier } from "./identifiers.ts";
