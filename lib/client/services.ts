/** What the parts of the client need of a connection: the daemon's services, in a namespace. */
import type { CallOptions, ServiceDefinition, Stub } from "../rpc/service.ts";

export interface Services {
  /** A service of the daemon; calls are made in the client's namespace unless `more` names another. */
  stub<D extends ServiceDefinition>(definition: D, more?: CallOptions): Stub<D>;
  /** Whether the daemon may be another than ours; it isn't if there is nobody to ask. */
  isForeign?(): Promise<boolean>;
}
