/**
 * Ids within the attributes of files: whose root a file's capabilities serve (capabilities(7), "File capabilities"),
 * and of whom its access lists speak (acl(5); linux/posix_acl_xattr.h).
 */
import { fromHost, type IdMapping, type IdMappings, toHost } from "../id_mappings.ts";

const VERSION = 0xff000000;
const VERSION_2 = 0x02000000;
const VERSION_3 = 0x03000000;
const V2_SIZE = 20;
const V3_SIZE = 24;

/** The attributes' names. */
export const CAPABILITY = "security.capability";
export const ACCESS_LISTS: readonly string[] = ["system.posix_acl_access", "system.posix_acl_default"];

/**
 * The same capabilities for the programs of a user namespace: those say whose root they serve (version 3), and the
 * kernel minds them only there. What is no such attribute, or has no root there, stays as it is.
 */
export function capabilityFor(
  value: Uint8Array<ArrayBuffer>,
  uids: readonly IdMapping[],
): Uint8Array<ArrayBuffer> {
  const known = rootIn(value);
  const root = known && toHost(uids, known.root);
  if (!known || root === undefined) return value;
  return withRoot(value, known.magic, root);
}

/** The reverse of {@linkcode capabilityFor}. What serves no root of the user namespace stays as it is. */
export function capabilityWithin(
  value: Uint8Array<ArrayBuffer>,
  uids: readonly IdMapping[],
): Uint8Array<ArrayBuffer> {
  const known = rootIn(value);
  const root = known && value.length === V3_SIZE ? fromHost(uids, known.root) : undefined;
  if (!known || root === undefined) return value;
  if (root !== 0) return withRoot(value, known.magic, root);
  const plain = value.slice(0, V2_SIZE);
  new DataView(plain.buffer).setUint32(0, (known.magic & ~VERSION | VERSION_2) >>> 0, true);
  return plain;
}

function rootIn(value: Uint8Array<ArrayBuffer>): { magic: number; root: number } | undefined {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const magic = value.length >= V2_SIZE ? view.getUint32(0, true) : 0;
  const version = (magic & VERSION) >>> 0;
  if (version === VERSION_2) return { magic, root: 0 };
  if (version !== VERSION_3 || value.length !== V3_SIZE) return undefined;
  return { magic, root: view.getUint32(V2_SIZE, true) };
}

function withRoot(value: Uint8Array<ArrayBuffer>, magic: number, root: number): Uint8Array<ArrayBuffer> {
  const mapped = new Uint8Array(V3_SIZE);
  mapped.set(value.subarray(0, V2_SIZE));
  const into = new DataView(mapped.buffer);
  into.setUint32(0, (magic & ~VERSION | VERSION_3) >>> 0, true);
  into.setUint32(V2_SIZE, root, true);
  return mapped;
}

const ACL_VERSION = 2;
const ACL_HEADER = 4;
const ACL_ENTRY = 8;
const ACL_USER = 2;
const ACL_GROUP = 8;

/**
 * An access list with other ids: those that `map` gives, which may throw for one that it has none for. What is no
 * such attribute stays as it is.
 */
export function accessListWith(
  value: Uint8Array<ArrayBuffer>,
  map: (kind: keyof IdMappings, id: number) => number,
): Uint8Array<ArrayBuffer> {
  const mapped = value.slice();
  const view = new DataView(mapped.buffer);
  const whole = (mapped.length - ACL_HEADER) % ACL_ENTRY === 0;
  if (!whole || mapped.length < ACL_HEADER || view.getUint32(0, true) !== ACL_VERSION) return value;
  for (let at = ACL_HEADER; at < mapped.length; at += ACL_ENTRY) {
    const tag = view.getUint16(at, true);
    if (tag !== ACL_USER && tag !== ACL_GROUP) continue;
    const kind = tag === ACL_USER ? "uids" : "gids";
    view.setUint32(at + 4, map(kind, view.getUint32(at + 4, true)), true);
  }
  return mapped;
}
