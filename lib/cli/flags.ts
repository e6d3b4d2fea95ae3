/** Flags that several commands have. */
import type { Flag } from "./command.ts";

/** Which snapshotter; the daemon's own choice when empty. */
export const snapshotterFlag: Flag = {
  name: "snapshotter",
  value: "value",
  usage: "snapshotter name. Empty value stands for the default value.",
  env: "CONTAINERD_SNAPSHOTTER",
};

/** The snapshotter that containerd's clients mean when they name none. */
export const defaultSnapshotter = "overlayfs";

/** The runtime that they mean. */
export const defaultRuntime = "io.containerd.runc.v2";

/** `--quiet, -q` of a list. */
export const quiet = (usage: string): Flag => ({ name: "quiet", short: "q", usage });

const skipVerify: Flag = { name: "skip-verify", usage: "skip SSL certificate validation" };
const otherRegistryFlags: readonly Flag[] = [
  { name: "plain-http", usage: "allow connections using plain HTTP" },
  { name: "refresh", value: "value", usage: "refresh token for authorization server" },
  { name: "hosts-dir", value: "value", usage: "custom hosts configuration directory" },
  { name: "tlscacert", value: "path", usage: "path to TLS root CA" },
  { name: "tlscert", value: "path", usage: "path to TLS client certificate" },
  { name: "tlskey", value: "path", usage: "path to TLS client key" },
  { name: "http-dump", usage: "show the heads of all requests and answers, without secrets" },
  { name: "http-trace", usage: "show each request with its outcome and time" },
];

const registryUser = "user[:password] Registry user and password";

/** What a registry needs to be told. */
export const registryFlags: readonly Flag[] = [
  { ...skipVerify, short: "k" },
  ...otherRegistryFlags,
  { name: "user", short: "u", value: "value", usage: registryUser },
];

/** The same where the image of a container is pulled, whose user is another. */
export const runRegistryFlags: readonly Flag[] = [
  skipVerify,
  ...otherRegistryFlags,
  { name: "registry-user", value: "value", usage: registryUser },
];

/** What of an image for many platforms is fetched, and what its record is labelled with. */
export const platformFlags: readonly Flag[] = [
  { name: "label", value: "value", many: true, usage: "labels to attach to the image" },
  { name: "platform", value: "value", many: true, usage: "pull content from a specific platform" },
  { name: "all-platforms", usage: "pull content and metadata from all platforms" },
  { name: "all-metadata", usage: "pull metadata for all platforms" },
  { name: "skip-metadata", usage: "skip metadata for unused platforms (the default)" },
  {
    name: "max-concurrent-downloads",
    value: "value",
    usage: "set the max concurrent downloads; then this command fetches",
    default: "0",
  },
];

/** The way around the daemon's transfer service. */
export const localFlag: Flag = {
  name: "local",
  usage: "move the content through this command, not by the daemon's transfer service",
};

/** Syncing is what happens unless `--no-sync` is given: here for those who ask for it. */
export const syncFlags: readonly Flag[] = [
  { name: "sync-fs", usage: "wait until the unpacked files are on disk (the default)" },
  { name: "no-sync", usage: "do not wait until the unpacked files are on disk" },
];
