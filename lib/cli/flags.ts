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

/** What a registry needs to be told. */
export const registryFlags: readonly Flag[] = [
  { name: "skip-verify", short: "k", usage: "skip SSL certificate validation" },
  { name: "plain-http", usage: "allow connections using plain HTTP" },
  { name: "user", short: "u", value: "value", usage: "user[:password] Registry user and password" },
  { name: "refresh", value: "value", usage: "refresh token for authorization server" },
  { name: "hosts-dir", value: "value", usage: "custom hosts configuration directory" },
];
