/** One entry out of a header and the extensions before it. */
import { invalidArgument } from "../errors.ts";
import type { Entry, EntryType } from "./entry.ts";
import type { Header } from "./header.ts";
import { type ByteText, quote } from "./names.ts";
import type { PaxChanges } from "./pax.ts";
import { type PaxSparse, paxSparse } from "./sparse.ts";

/** What stood before an entry's own header. */
export interface Extensions {
  longName?: ByteText;
  longLink?: ByteText;
  pax?: PaxChanges;
}

/** An entry, the bytes that follow it in the archive, and where the map of a sparse file is still to be found. */
export interface Built {
  readonly entry: Entry;
  readonly stored: number;
  readonly sparse?: "old" | "map";
}

const types: Record<string, EntryType> = {
  "0": "file",
  "\0": "file",
  S: "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};

/** Beyond what a nanosecond count of 64 bits reaches, containerd takes the epoch; so do we. */
const LAST_SECOND = 9223372036;
const NO_ID = 0xffffffff;

/** Puts an entry together. Throws InvalidArgument for types, ids and sizes that no file can have. */
export function buildEntry(header: Header, { longName, longLink, pax = {} }: Extensions): Built {
  const plain = header.type === "0" || header.type === "\0";
  const sparse = plain && pax.sparse ? paxSparse(pax.sparse) : undefined;
  const name = longName || sparse?.name || pax.path || header.name;
  const type = typeOf(header, name);
  const stored = type === "file" ? pax.size ?? header.size : 0;
  const entry: Entry = {
    type,
    name,
    linkName: longLink || pax.linkPath || header.linkName,
    size: sizeOf(header, sparse, stored),
    mode: header.mode & 0o7777,
    uid: idOf(name, "uid", pax.uid ?? header.uid),
    gid: idOf(name, "gid", pax.gid ?? header.gid),
    mtime: timeOf(pax.mtime ?? { seconds: header.mtime, nanos: 0 }),
    device: header.device,
    xattrs: pax.xattrs,
    extents: sparse?.extents,
  };
  if (stored < 0 || entry.size < 0) throw invalidArgument(`tar entry ${quote(name)}: negative size`);
  const map = header.type === "S" ? "old" : sparse && !sparse.extents ? "map" : undefined;
  return { entry, stored, sparse: map };
}

function typeOf(header: Header, name: ByteText): EntryType {
  // Before there was a type for directories, a slash at the end marked them.
  if (header.type === "\0" && name.endsWith("/")) return "directory";
  const type = types[header.type];
  if (!type) throw invalidArgument(`tar entry ${quote(name)}: unknown type ${quote(header.type)}`);
  return type;
}

function sizeOf(header: Header, sparse: PaxSparse | undefined, stored: number): number {
  return header.type === "S" ? header.realSize : sparse ? sparse.size : stored;
}

function idOf(name: ByteText, what: string, id: number): number {
  if (id >= 0 && id < NO_ID) return id;
  throw invalidArgument(`tar entry ${quote(name)}: ${what} ${id} is out of range`);
}

function timeOf(time: Entry["mtime"]): Entry["mtime"] {
  return time.seconds < 0 || time.seconds >= LAST_SECOND ? { seconds: 0, nanos: 0 } : time;
}
