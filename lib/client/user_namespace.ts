/** Containers with a user namespace, and what can't be done with them. */
import type { Container } from "../api/services/containers/v1/containers.ts";
import { failedPrecondition } from "../errors.ts";
import type { IdMappings } from "../id_mappings.ts";

/** The mappings that a container's spec has; undefined for one without a user namespace. */
export function userNamespaceOf({ spec }: Pick<Container, "spec">): IdMappings | undefined {
  const { linux } = JSON.parse(new TextDecoder().decode(spec?.value) || "{}") as {
    linux?: { uidMappings?: IdMappings["uids"]; gidMappings?: IdMappings["gids"] };
  };
  const { uidMappings: uids = [], gidMappings: gids = [] } = linux ?? {};
  return uids.length ? { uids, gids } : undefined;
}

/** Throws FailedPrecondition for one: what restores it would give its files to others. */
export function refuseUserNamespace(container: Pick<Container, "id" | "spec">): void {
  if (!userNamespaceOf(container)) return;
  throw failedPrecondition(
    `container ${container.id} has a user namespace: its files have other owners, and no checkpoint is made of them`,
  );
}
