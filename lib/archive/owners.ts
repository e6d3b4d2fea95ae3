/** Ids of a user namespace's files as those in it know them: what a layer of such files has to say. */
import { failedPrecondition } from "../errors.ts";
import { fromHost, type IdMappings } from "../id_mappings.ts";
import { ACCESS_LISTS, accessListWith, CAPABILITY, capabilityWithin } from "../sys/mod.ts";
import type { ByteText } from "./names.ts";

/** The user namespace to which the files of a tree belong; none for files that are the host's own. */
export type Owners = IdMappings | undefined;

type Kind = keyof IdMappings;
type Xattrs = Map<ByteText, Uint8Array<ArrayBuffer>>;
const NOBODY = 0xffffffff;

/** The id within that a file's on the host stands for; undefined if it is nobody's. */
export const idWithin = (owners: Owners, kind: Kind, id: number): number | undefined =>
  owners ? fromHost(owners[kind], id) : id;

/** As {@linkcode idWithin}. Throws FailedPrecondition for nobody. */
export function knownId(owners: Owners, kind: Kind, id: number): number {
  const within = idWithin(owners, kind, id);
  if (within !== undefined) return within;
  const what = kind === "uids" ? "user" : "group";
  throw failedPrecondition(`belongs to ${what} ${id}, which the id mappings leave out`);
}

/** Attributes with the ids within. Throws FailedPrecondition for nobody. */
export const knownXattrs = (owners: Owners, xattrs: Xattrs): Xattrs =>
  owners ? mapped(owners, xattrs, (kind, id) => knownId(owners, kind, id)) : xattrs;

/** The same for comparing: nobody is like nobody else. */
export const xattrsWithin = (owners: Owners, xattrs: Xattrs): Xattrs =>
  owners ? mapped(owners, xattrs, (kind, id) => idWithin(owners, kind, id) ?? NOBODY) : xattrs;

function mapped(owners: IdMappings, xattrs: Xattrs, id: (kind: Kind, id: number) => number): Xattrs {
  const value = (key: ByteText, value: Uint8Array<ArrayBuffer>) => {
    if (key === CAPABILITY) return capabilityWithin(value, owners.uids);
    return ACCESS_LISTS.includes(key) ? accessListWith(value, id) : value;
  };
  return new Map(Array.from(xattrs, ([key, bytes]) => [key, value(key, bytes)]));
}
