/** What a transfer needs a lease for: containerd collects streams, as it does content, that nobody's lease holds. */
import { createLease } from "./lease.ts";
import type { Services } from "./services.ts";

/** A daemon whose calls hold what they make until the end. Ours does so by itself. */
export async function leased(daemon: Services): Promise<Services & AsyncDisposable> {
  const lease = await daemon.isForeign?.() ? await createLease(daemon) : undefined;
  return {
    stub: (definition, more) => daemon.stub(definition, { lease: lease?.id, ...more }),
    // A day later it lapses.
    [Symbol.asyncDispose]: async () => await lease?.delete().catch(() => {}),
  };
}
