/** The rule for identifiers: containerd's own, so that whatever is valid there is valid here. */
import { invalidArgument } from "../errors.ts";

const maxLength = 76;
const identifier = /^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$/;
const encoder = new TextEncoder();

/** InvalidArgument unless `id` may name a container, task, exec, namespace or part of a topic. */
export function checkIdentifier(id: string, what = ""): void {
  const where = what ? `${what}: ` : "";
  if (id === "") throw invalidArgument(`${where}identifier must not be empty`);
  if (encoder.encode(id).length > maxLength) {
    const shown = JSON.stringify(id.length > 200 ? `${id.slice(0, 200)}...` : id);
    throw invalidArgument(
      `${where}identifier ${shown} greater than maximum length (${maxLength} characters)`,
    );
  }
  if (!identifier.test(id)) {
    throw invalidArgument(`${where}identifier ${JSON.stringify(id)} must match ${identifier.source}`);
  }
}
