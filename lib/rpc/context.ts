/** What services ask of a call's context. */
import { failedPrecondition, invalidArgument } from "../errors.ts";
import type { Scope } from "../scope.ts";
import type { CallContext } from "./service.ts";

/** Request metadata that carries the namespace over gRPC, and the lease over both. */
export const namespaceHeader = "containerd-namespace";
export const leaseHeader = "containerd-lease";
/** Request metadata that carries the namespace over ttrpc. */
export const ttrpcNamespaceHeader = "containerd-namespace-ttrpc";

const longestNamespace = 76;
const namespaceForm = /^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$/;

/**
 * The caller's scope. Throws FailedPrecondition if it named no namespace, InvalidArgument if what it named can
 * be none: rooms make paths of it.
 */
export function requireNamespace({ namespace, lease }: Pick<CallContext, "namespace" | "lease">): Scope {
  if (!namespace) throw failedPrecondition("namespace is required");
  if (namespace.length > longestNamespace) {
    const shown = JSON.stringify(namespace.slice(0, 200));
    throw invalidArgument(
      `namespace validation: identifier ${shown} greater than maximum length (${longestNamespace} characters)`,
    );
  }
  if (!namespaceForm.test(namespace)) {
    throw invalidArgument(
      `namespace validation: identifier ${JSON.stringify(namespace)} must match ${namespaceForm.source}`,
    );
  }
  return { namespace, lease };
}

/** A context from a call's metadata (keys in lower case); `namespaceKeys` are looked up in their order. */
export function contextOf(
  metadata: ReadonlyMap<string, string>,
  signal: AbortSignal,
  namespaceKeys: readonly string[] = [namespaceHeader],
): CallContext {
  const key = namespaceKeys.find((key) => metadata.get(key));
  return {
    namespace: key ? metadata.get(key)! : "",
    lease: metadata.get(leaseHeader) ?? "",
    signal,
    metadata,
  };
}
