/** The rules for namespaces and digests: containerd's own, so that whatever is valid there is valid here. */
import { checkIdentifier } from "../events/mod.ts";
import type { Scope } from "../scope.ts";

/** InvalidArgument unless the scope names a possible namespace. */
export function checkScope(scope: Scope): void {
  checkIdentifier(scope.namespace, "namespace validation");
}

const hexLengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };
const digestForm = /^[A-Za-z0-9]+(?:[.+_-][A-Za-z0-9]+)*:[A-Za-z0-9=_-]+$/;

/** Why `digest` is none, or undefined if it is one. */
export function digestFault(digest: string): string | undefined {
  const colon = digest.indexOf(":");
  if (colon <= 0 || colon + 1 === digest.length) return "invalid checksum digest format";
  const hex = digest.slice(colon + 1);
  const length = hexLengths[digest.slice(0, colon)];
  if (length === undefined) {
    return digestForm.test(digest) ? "unsupported digest algorithm" : "invalid checksum digest format";
  }
  if (hex.length !== length) return "invalid checksum digest length";
  return /^[a-f0-9]+$/.test(hex) ? undefined : "invalid checksum digest format";
}
