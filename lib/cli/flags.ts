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
