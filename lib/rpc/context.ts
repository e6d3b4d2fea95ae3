/** What services ask of a call's context. */
import { failedPrecondition } from "../errors.ts";
import type { Scope } from "../scope.ts";
import type { CallContext } from "./service.ts";

/** Request metadata that carries the namespace over gRPC, and the lease over both. */
export const namespaceHeader = "containerd-namespace";
export const leaseHeader = "containerd-lease";
/** Request metadata that carries the namespace over ttrpc. */
export const ttrpcNamespaceHeader = "containerd-namespace-ttrpc";

/** The caller's scope; FailedPrecondition if it named no namespace. */
export function requireNamespace(context: CallContext): Scope {
  if (!context.namespace) throw failedPrecondition("namespace is required");
  return { namespace: context.namespace, lease: context.lease };
}

/** A context from a call's metadata (keys in lower case). */
export function contextOf(metadata: ReadonlyMap<string, string>, signal: AbortSignal): CallContext {
  return {
    namespace: metadata.get(namespaceHeader) ?? metadata.get(ttrpcNamespaceHeader) ?? "",
    lease: metadata.get(leaseHeader) ?? "",
    signal,
    metadata,
  };
}
