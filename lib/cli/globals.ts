/** The flags that stand before any command. */
import type { Flag, Flags, Globals } from "./command.ts";
import { parseDuration } from "./duration.ts";

/** Where the daemon listens unless told otherwise. */
export const defaultAddress = "/run/longshore/longshore.sock";

/** Global flags, as `ctr --help` lists them. */
export const globalFlags: readonly Flag[] = [
  { name: "debug", usage: "tell more when something fails" },
  {
    name: "address",
    short: "a",
    value: "value",
    usage: "socket of the daemon, ours or containerd's",
    env: "CONTAINERD_ADDRESS",
    default: defaultAddress,
  },
  { name: "timeout", value: "value", usage: "total timeout for a command", default: "0s" },
  { name: "connect-timeout", value: "value", usage: "timeout for connecting to the daemon", default: "0s" },
  {
    name: "namespace",
    short: "n",
    value: "value",
    usage: "namespace to use with commands",
    env: "CONTAINERD_NAMESPACE",
    default: "default",
  },
  { name: "no-autostart", usage: "do not start a daemon when none is running" },
  { name: "help", short: "h", usage: "show help" },
  { name: "version", short: "v", usage: "print the version" },
];

/** The globals of a call: flags after the command count before those in front of it. */
export function readGlobals(front: Flags, back: Flags, own: (name: string) => boolean): Globals {
  const from = (name: string) => !own(name) && back.has(name) ? back : front;
  const duration = (name: string) => from(name).has(name) ? parseDuration(from(name).text(name)) : 0;
  const timeout = duration("timeout");
  return {
    address: from("address").text("address").replace(/^unix:\/\//, ""),
    addressGiven: from("address").has("address") || !!Deno.env.get("CONTAINERD_ADDRESS"),
    namespace: from("namespace").text("namespace"),
    debug: from("debug").on("debug"),
    autostart: !from("no-autostart").on("no-autostart"),
    signal: timeout > 0 ? AbortSignal.timeout(timeout) : undefined,
    connectTimeout: duration("connect-timeout"),
  };
}
