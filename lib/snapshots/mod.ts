/** File trees on disk, each a change on top of a chain of others. */
export { openBtrfs } from "./btrfs.ts";
export { openNative } from "./native.ts";
export { openOverlay, type OverlayOptions } from "./overlay.ts";
export { remapTree } from "./remap_tree.ts";
export type { Kind, Snapshotter, Usage } from "./snapshotter.ts";
