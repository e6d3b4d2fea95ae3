/** The runtime that a container is to have, and what it is told. */
import type { Any } from "../../api/google/protobuf/any.ts";
import { Options } from "../../api/types/runc/options/oci.ts";
import { anyOf } from "../../rpc/any.ts";
import { complete } from "../../rpc/service.ts";
import { type Flags, usageError } from "../command.ts";
import { defaultRuntime } from "../flags.ts";

const runcFlags = ["runc-binary", "runc-root", "runc-systemd-cgroup", "no-pivot"];

/** The runtime of a container's record: runc's options for runc, and for others where a flag of runc's is given. */
export async function runtimeOf(flags: Flags): Promise<{ name: string; options: Any | undefined }> {
  const name = flags.text("runtime");
  if (flags.on("runc-systemd-cgroup") && !flags.text("cgroup")) {
    throw usageError('--runc-systemd-cgroup needs --cgroup SLICE:PREFIX:NAME, "machine.slice:ctr:web" say');
  }
  return { name, options: await optionsOf(flags, name) };
}

/** What the runtime `name` is told. */
export async function optionsOf(flags: Flags, name: string): Promise<Any | undefined> {
  if (name === defaultRuntime || runcFlags.some((flag) => flags.has(flag))) return runcOptions(flags);
  const configPath = flags.text("runtime-config-path");
  if (!configPath) return undefined;
  const { Options: Other } = await import("../../api/types/runtimeoptions/v1/api.ts");
  return anyOf("runtimeoptions.v1.Options", Other, complete(Other, { configPath }));
}

function runcOptions(flags: Flags): Any {
  const options = complete(Options, {
    binaryName: flags.text("runc-binary"),
    root: flags.text("runc-root"),
    systemdCgroup: flags.on("runc-systemd-cgroup"),
    noPivotRoot: flags.on("no-pivot"),
  });
  return anyOf("containerd.runc.v1.Options", Options, options);
}
