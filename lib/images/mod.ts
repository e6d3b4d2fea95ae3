/** Images: their documents, platforms, labels, and what is there of them. */
export { chainIds } from "./chain.ts";
export {
  check,
  DEEPEST,
  type Documents,
  type ImageContent,
  imageSize,
  isUnpacked,
  manifestFor,
  type Presence,
  readConfig,
  readDocument,
  type Root,
} from "./image.ts";
export { Family } from "./family.ts";
export { configOfSchema1, manifestOfSchema1, parseSchema1 } from "./schema1.ts";
export {
  childLabels,
  childrenOf,
  isChildLabel,
  snapshotLabel,
  sourceLabel,
  sourceLabelName,
  uncompressedLabel,
} from "./labels.ts";
export {
  defaultPlatform,
  formatPlatform,
  matches,
  normalizePlatform,
  parsePlatform,
  type Platform,
  suitability,
  suitable,
} from "./platform.ts";
export {
  type Descriptor,
  type ImageConfig,
  type Index,
  isConfigType,
  isDistributable,
  isIndexType,
  isLayerType,
  isManifestType,
  type Manifest,
  MediaType,
  MOST_LAYERS,
  parseConfig,
  parseDocument,
  refOf,
} from "./types.ts";
