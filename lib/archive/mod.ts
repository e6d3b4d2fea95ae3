/** Layers: tar archives in, files out. */
export { type AppliedLayer, applyLayer, type ApplyOptions, LayerApplier, type LayerTarget } from "./apply.ts";
export { type Compression, type Decompressor, decompressor, detectCompression } from "./decompress.ts";
export type { Entry, EntrySink, EntryType, Extent } from "./entry.ts";
export { bytesOf, type ByteText, cleanName, fromString, quote } from "./names.ts";
export { adoptParents } from "./parents.ts";
export { TarReader } from "./reader.ts";
export type { Form } from "./whiteouts.ts";
