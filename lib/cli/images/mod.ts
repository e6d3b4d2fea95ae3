/** `ctr images` */
import type { Command } from "../command.ts";
import { localFlag, platformFlags, quiet, registryFlags, snapshotterFlag, syncFlags } from "../flags.ts";

export const commands: readonly Command[] = [
  {
    name: "check",
    usage: "check that all content of images is here, and unpacked",
    arguments: "[<ref or filter>, ...]",
    description:
      "With --deep: reads each blob and unpacks each layer beside its snapshot, to compare; exits with 1 if anything " +
      "is damaged.",
    flags: [
      quiet("print only the ready image refs (fully downloaded and unpacked)"),
      snapshotterFlag,
      { name: "deep", usage: "verify the digests of blobs and the files of snapshots" },
    ],
    load: () => import("./check.ts"),
  },
  {
    name: "repair",
    usage: "fetch and unpack again what a disk has lost of images",
    arguments: "<ref> [<ref>, ...]",
    description:
      "Blobs come from the registry of the image's name, or from one that their distribution.source labels name. " +
      "Containers go on with the files they have.",
    examples: ["images check --deep", "images repair docker.io/library/alpine:latest"],
    flags: [...registryFlags, snapshotterFlag],
    load: () => import("./repair.ts"),
  },
  {
    name: "list",
    aliases: ["ls"],
    usage: "list images",
    arguments: "[<ref or filter>, ...]",
    flags: [quiet("print only the image refs")],
    load: () => import("./ls.ts"),
  },
  {
    name: "pull",
    usage: "pull an image from a registry, and unpack it",
    arguments: "<ref>",
    description: "Short names mean what docker takes them for: alpine is docker.io/library/alpine:latest.",
    examples: ["images pull alpine", "images pull --plain-http 127.0.0.1:5000/app:1"],
    flags: [
      ...registryFlags,
      snapshotterFlag,
      ...platformFlags,
      { name: "print-chainid", usage: "print the resulting image's chain ID" },
      { name: "no-unpack", usage: "fetch only: do not unpack the layers" },
      ...syncFlags,
      { name: "discard-unpacked-layers", usage: "drop the packed layers once they are unpacked" },
      localFlag,
    ],
    load: () => import("./pull.ts"),
  },
  {
    name: "push",
    usage: "push an image to a registry",
    arguments: "<remote> [<local>]",
    description:
      "Pushes the image <local>, or the one named as the remote. Of an image for many platforms those are pushed that are here.",
    examples: ["images push 127.0.0.1:5000/app:1", "images push registry.example/team/alpine:3 alpine"],
    flags: [
      ...registryFlags,
      { name: "manifest", value: "digest", usage: "digest of the manifest to push, in place of an image's" },
      {
        name: "manifest-type",
        value: "type",
        usage: "media type of the manifest",
        default: "application/vnd.oci.image.manifest.v1+json",
      },
      { name: "platform", value: "value", many: true, usage: "push content from a specific platform" },
      { name: "all-platforms", usage: "fail if a platform of the image is not here" },
      {
        name: "max-concurrent-uploaded-layers",
        value: "value",
        usage: "set the max concurrent uploaded layers for each push",
        default: "0",
      },
      {
        name: "allow-non-distributable-blobs",
        usage: "allow pushing blobs that are marked as non-distributable",
      },
      localFlag,
    ],
    load: () => import("./push.ts"),
  },
  {
    name: "export",
    usage: "export images to an archive",
    arguments: "<out> <image> ...",
    description: "Writes an OCI layout that docker load can read, too, as tar; - is the standard output. " +
      "Exports this host's platform or, if that is not here, those that are. The same images give the same bytes.",
    examples: ["images export busybox.tar busybox", "images export - alpine | zstd >alpine.tar.zst"],
    flags: [
      { name: "skip-manifest-json", usage: "do not add Docker compatible manifest.json to archive" },
      { name: "skip-non-distributable", usage: "do not add non-distributable blobs to archive" },
      { name: "platform", value: "value", many: true, usage: "export content of a specific platform" },
      { name: "all-platforms", usage: "export content of all platforms; fail if one of them is not here" },
      localFlag,
    ],
    load: () => import("./export.ts"),
  },
  {
    name: "import",
    usage: "import images from an archive",
    arguments: "<in>",
    description:
      "Reads OCI layouts and what docker save writes, as tar, gzip or zstd; - is the standard input. " +
      "Images that have nothing but a tag are named import-<date>:<tag>, or by --base-name.",
    examples: ["images import busybox.tar", "images import --base-name registry.example/app oci.tar.gz"],
    flags: [
      {
        name: "base-name",
        value: "value",
        usage:
          "base image name for added images, when provided only images with this name prefix are imported",
      },
      { name: "digests", usage: "create digest images, too" },
      { name: "skip-digest-for-named", usage: "skip applying --digests to images named in the archive" },
      {
        name: "index-name",
        value: "value",
        usage: "image name to keep index as, by default index is discarded",
      },
      { name: "all-platforms", usage: "import content for all platforms" },
      { name: "platform", value: "value", many: true, usage: "import content for a specific platform" },
      { name: "no-unpack", usage: "skip unpacking the images" },
      ...syncFlags,
      { name: "compress-blobs", usage: "compress layers that are plain tars (Docker format only)" },
      {
        name: "discard-unpacked-layers",
        usage: "let the garbage collector take layers that are unpacked, cannot be used with --no-unpack",
      },
      { name: "label", value: "value", many: true, usage: "labels to attach to the images" },
      localFlag,
      snapshotterFlag,
    ],
    load: () => import("./import.ts"),
  },
  {
    name: "delete",
    aliases: ["del", "remove", "rm"],
    usage: "remove one or more images by reference",
    arguments: "<ref> [<ref>, ...]",
    flags: [{ name: "sync", usage: "synchronously remove image and all associated resources" }],
    load: () => import("./rm.ts"),
  },
  {
    name: "prune",
    usage: "remove images that no container uses",
    description: "To also remove what a crash or an interrupted pull has left: ctr prune.",
    flags: [{ name: "all", usage: "remove all unused images; without it none is removed" }],
    load: () => import("./prune.ts"),
  },
  {
    name: "tag",
    usage: "give an image another name",
    arguments: "<source_ref> <target_ref> [<target_ref>, ...]",
    flags: [
      { name: "force", usage: "force target_ref to be created, regardless if it already exists" },
      { name: "local", usage: "do not use the transfer service (tagging never does)" },
      { name: "skip-reference-check", usage: "take any name (tagging always does)" },
    ],
    load: () => import("./tag.ts"),
  },
  {
    name: "label",
    usage: "set and clear labels for an image",
    arguments: "<name> [<key>=<value> ...]",
    description: "An empty value clears the label.",
    flags: [{ name: "replace-all", short: "r", usage: "replace all labels" }],
    load: () => import("./label.ts"),
  },
  {
    name: "convert",
    usage: "convert an image: other compression, other media types, fewer platforms",
    arguments: "<source_ref> <target_ref>",
    description: "Keeps the image for this host's platform unless told otherwise.",
    examples: ["images convert --zstd --oci alpine alpine:zstd"],
    flags: [
      { name: "uncompress", usage: "convert layers to uncompressed tar layers" },
      { name: "gzip", usage: "convert layers to tar.gz layers" },
      { name: "zstd", usage: "convert layers to tar.zst layers" },
      { name: "oci", usage: "convert Docker media types to OCI media types" },
      { name: "docker", usage: "convert OCI media types to Docker media types" },
      { name: "platform", value: "value", many: true, usage: "keep the image for a specific platform" },
      { name: "all-platforms", usage: "keep the images for all platforms" },
    ],
    load: () => import("./convert.ts"),
  },
  {
    name: "inspect",
    aliases: ["i"],
    usage: "show what an image consists of",
    arguments: "<image>",
    flags: [{ name: "content", usage: "show labels and documents too" }],
    load: () => import("./inspect.ts"),
  },
  {
    name: "usage",
    usage: "show what the snapshots of an image take",
    arguments: "<ref>",
    flags: [snapshotterFlag],
    load: () => import("./usage.ts"),
  },
  {
    name: "mount",
    usage: "mount an image to a target path",
    arguments: "<ref> <target>",
    flags: [
      snapshotterFlag,
      { name: "rw", usage: "enable write support on the mount" },
      { name: "platform", value: "value", usage: "mount the image for the specified platform" },
      {
        name: "expiration",
        short: "x",
        value: "duration",
        default: "1h0m0s",
        usage: "set the expiration time for the mount and snapshots",
      },
    ],
    load: () => import("./mount.ts"),
  },
  {
    name: "unmount",
    usage: "unmount the image from the target",
    arguments: "<target>",
    flags: [snapshotterFlag, { name: "rm", usage: "remove the snapshot after a successful unmount" }],
    load: () => import("./unmount.ts"),
  },
];
