/** Pushing images: what of an image is sent, in which order. The daemon does it, and clients of daemons that can't. */
export { inLanes } from "./lanes.ts";
export { type PushContent, pushImage, type PushOptions, type Watch, type Work } from "./push.ts";
export type { Named, Wish } from "./plan.ts";
