/** Capabilities of files (capabilities(7), "File capabilities"), as the attribute security.capability holds them. */
import { type IdMapping, toHost } from "../id_mappings.ts";

const VERSION = 0xff000000;
const VERSION_2 = 0x02000000;
const VERSION_3 = 0x03000000;
const V2_SIZE = 20;
const V3_SIZE = 24;

/**
 * The same capabilities for the programs of a user namespace: those say whose root they serve (version 3), and the
 * kernel minds them only there. What is no such attribute, or has no root there, stays as it is.
 */
export function capabilityFor(
  value: Uint8Array<ArrayBuffer>,
  uids: readonly IdMapping[],
): Uint8Array<ArrayBuffer> {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const magic = value.length >= V2_SIZE ? view.getUint32(0, true) : 0;
  const version = magic & VERSION;
  const third = version === VERSION_3 && value.length === V3_SIZE;
  if (version !== VERSION_2 && !third) return value;
  const root = toHost(uids, third ? view.getUint32(V2_SIZE, true) : 0);
  if (root === undefined) return value;
  const mapped = new Uint8Array(V3_SIZE);
  mapped.set(value.subarray(0, V2_SIZE));
  const into = new DataView(mapped.buffer);
  into.setUint32(0, (magic & ~VERSION | VERSION_3) >>> 0, true);
  into.setUint32(V2_SIZE, root, true);
  return mapped;
}
