/** What an index that stands for a checkpoint is made of. Source: containerd's own checkpoints. */

/** Media types of its parts; its base image and the changed files have those of any image. */
export const CheckpointType = {
  /** CRIU's files in a tar. */
  task: "application/vnd.containerd.container.criu.checkpoint.criu.tar",
  /** The container's spec, as an Any. */
  spec: "application/vnd.containerd.container.checkpoint.config.v1+proto",
  /** Options of its runtime, as an Any. */
  runtimeOptions: "application/vnd.containerd.container.checkpoint.runtime.options+proto",
} as const;

/** Annotations of the index. */
export const CheckpointAnnotation = {
  runtime: "io.containerd.checkpoint.runtime",
  snapshotter: "io.containerd.checkpoint.snapshotter",
  image: "org.opencontainers.image.ref.name",
} as const;

/** A layer with what the container had changed in its files. */
export const layerPattern = /^application\/vnd\.(oci\.image\.layer\.v1|docker\.image\.rootfs\.diff)\.tar/;
