/** Keeping what a transfer uses from the garbage collector. */
import type { Scope } from "../scope.ts";
import type { LeaseStore } from "../metadata/mod.ts";

const HOURS = 24;
const expireLabel = "containerd.io/gc.expire";

/** A scope with a lease: its own, or one made for a transfer, which `end` deletes. */
export interface Held {
  readonly scope: Scope;
  end(): Promise<void>;
}

/** Gives `scope` a lease if it has none. The lease ends by itself some day, should the daemon not live to do it. */
export async function hold(leases: LeaseStore, scope: Scope): Promise<Held> {
  if (scope.lease) return { scope, end: () => Promise.resolve() };
  const expiry = new Date(Date.now() + HOURS * 3_600_000).toISOString();
  const { id } = await leases.create(scope, { id: "", labels: { [expireLabel]: expiry } });
  return { scope: { ...scope, lease: id }, end: () => leases.delete(scope, id) };
}
