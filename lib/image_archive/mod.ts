/** Archives of images: what is in them, what of it is wanted, and how they are written. */
export { type Choice, choose, type ChosenManifest, type ImportWish, type UnpackWish } from "./choice.ts";
export { imagesOf } from "./contents.ts";
export { inflated } from "./inflate.ts";
export { claimedDigest } from "./names.ts";
export { type NamedTarget, nameImages, type NameRule } from "./naming.ts";
export { type ExportPlan, type ExportWish, planExport } from "./plan.ts";
export { type FileSink, readArchive, type StoredFile } from "./reader.ts";
export { archiveBytes, archiveFiles } from "./writer.ts";
