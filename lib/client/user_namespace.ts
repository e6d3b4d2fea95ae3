/** What containers with a user namespace can't do. */
import type { Container } from "../api/services/containers/v1/containers.ts";
import { failedPrecondition } from "../errors.ts";

/** Throws FailedPrecondition for one: its files have other owners than an image of them would have to tell of. */
export function refuseUserNamespace({ id, spec }: Pick<Container, "id" | "spec">): void {
  const { linux } = JSON.parse(new TextDecoder().decode(spec?.value) || "{}") as {
    linux?: { uidMappings?: unknown[] };
  };
  if (linux?.uidMappings?.length) {
    throw failedPrecondition(
      `container ${id} has a user namespace: its files have other owners, and no image is made of them`,
    );
  }
}
