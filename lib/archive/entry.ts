/** What a tar archive says of one file, whichever dialect it was written in. */
import type { ByteText } from "./names.ts";

export type EntryType = "file" | "directory" | "symlink" | "hardlink" | "char" | "block" | "fifo";

/** A stretch of a sparse file that holds data; what lies between them is zeros. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

export interface Entry {
  type: EntryType;
  /** As written: may be absolute, hold "..", end with a slash. */
  name: ByteText;
  /** Where a symlink or hard link leads; else empty. */
  linkName: ByteText;
  /** Length of the file's content, holes included. */
  size: number;
  /** Permission bits with setuid, setgid and sticky; no type. */
  mode: number;
  uid: number;
  gid: number;
  mtime: { seconds: number; nanos: number };
  device: { major: number; minor: number };
  /** Extended attributes by their full name. */
  xattrs?: Map<ByteText, Uint8Array<ArrayBuffer>>;
  /** Where the data that follow belong, for a sparse file. */
  extents?: Extent[];
}

/** Takes what a reader finds, in order: one `entry`, its `data` in pieces (not for holes), then `end`. */
export interface EntrySink {
  entry(entry: Entry): void;
  /** Bytes `start` to `end` of `chunk`, valid during the call; `offset` is their place in the file. */
  data(chunk: Uint8Array<ArrayBuffer>, start: number, end: number, offset: number): void;
  end(): void;
}
