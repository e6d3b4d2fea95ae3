/** Labels (and one extension) of containers that are orders: an image can't set them (see lib/oci/image_config.ts). */

/** Where the output goes: a URI. */
export const logLabel = "longshore.dev/log-uri";

/** The signal by which the process is asked to end; from the image's config. */
export const stopSignalLabel = "io.containerd.image.config.stop-signal";

/** The extension of a container's record by which Go's ctr and ours know that it has a network by CNI. */
export const networkExtension = "ctr.cni-containerd.metadata";

const prefix = "containerd.io/restart.";

/** The labels by which clients ask for it. */
export const restartLabels = {
  /** "running" or "stopped": how the task ought to be. */
  status: `${prefix}status`,
  policy: `${prefix}policy`,
  /** How often it was started again. */
  count: `${prefix}count`,
  /** "true" when somebody has stopped it. */
  stopped: `${prefix}explicitly-stopped`,
  /** Where its output goes. */
  log: `${prefix}loguri`,
} as const;
