/** Layers: tar archives in and files out, and the other way round. */
export {
  type AppliedLayer,
  type AppliedTar,
  applyLayer,
  type ApplyOptions,
  type DecodedLayer,
  LayerApplier,
  LayerDecoder,
  type LayerTarget,
  TarApplier,
  type TarSink,
} from "./apply.ts";
export { type Compressor, compressor } from "./compress.ts";
export { type Compression, type Decompressor, decompressor, detectCompression } from "./decompress.ts";
export type { Entry, EntrySink, EntryType, Extent } from "./entry.ts";
export { type LayerSource, type MadeLayer, makeLayer, type MakeOptions, Sealed } from "./make.ts";
export { encodeEntry, endOfArchive, paddingAfter } from "./encode.ts";
export { checkInflation, type InflationLimit } from "./inflation.ts";
export { bytesOf, type ByteText, cleanName, fromString, quote } from "./names.ts";
export { adoptParents } from "./parents.ts";
export { type Difference, differences } from "./same_tree.ts";
export { NeedsMountError } from "./side.ts";
export { TarReader } from "./reader.ts";
export type { Form } from "./whiteouts.ts";
