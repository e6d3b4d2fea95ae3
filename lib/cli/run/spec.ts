/** The runtime spec that an image and the flags of a call ask for. */
import {
  type ImageConfig,
  makeSpec,
  parseMount,
  type Spec,
  type SpecContext,
  type SpecOption,
  withAnnotations,
  withCapabilities,
  withCgroup,
  withCpu,
  withCpus,
  withCwd,
  withDevices,
  withEnv,
  withHostname,
  withHostNetwork,
  withImageConfig,
  withMemoryLimit,
  withMounts,
  withNamespace,
  withNewPrivileges,
  withPrivileged,
  withReadonlyRootfs,
  withRlimit,
  withTerminal,
  withUserNamespace,
} from "../../oci/mod.ts";
import { type Flags, usageError } from "../command.ts";
import { parseExact } from "../process/json.ts";
import { mappingsFrom } from "./user_namespace.ts";

/** The spec of a container: `--config`, or the defaults, the image's wishes, and what the flags say. */
export async function specOf(
  flags: Flags,
  context: SpecContext,
  image: ImageConfig,
  args: readonly string[],
): Promise<Spec> {
  const mappings = mappingsFrom(flags);
  if (flags.text("config")) return parseExact(await Deno.readTextFile(flags.text("config")));
  // A user given by flag takes the place of the image's, which need not even exist.
  const config = flags.text("user") ? { ...image, User: flags.text("user") } : image;
  const spec = await makeSpec(context, [
    withImageConfig(config, args),
    ...await processOptions(flags),
    ...containerOptions(flags),
    ...resourceOptions(flags),
    ...privilegeOptions(flags),
    ...mappings ? [withUserNamespace(mappings)] : [],
  ]);
  if (spec.process.args.length === 0) throw usageError("no command given, and the image has none");
  return spec;
}

async function processOptions(flags: Flags): Promise<SpecOption[]> {
  const files = await Promise.all(flags.list("env-file").map(readEnvFile));
  const openFiles = flags.text("rlimit-nofile");
  return [
    ...flags.on("tty") ? [withTerminal()] : [],
    withEnv([...files.flat(), ...flags.list("env")]),
    ...flags.text("cwd") ? [withCwd(flags.text("cwd"))] : [],
    ...openFiles ? [withRlimit("RLIMIT_NOFILE", whole(openFiles, "rlimit-nofile"))] : [],
    ...flags.on("allow-new-privs") ? [withNewPrivileges()] : [],
  ];
}

function containerOptions(flags: Flags): SpecOption[] {
  const propagation = flags.text("rootfs-propagation");
  return [
    withMounts(...flags.list("mount").map(parseMount)),
    withAnnotations(pairs(flags.list("annotation"), "annotation")),
    ...flags.text("hostname") ? [withHostname(flags.text("hostname"))] : [],
    ...flags.on("read-only") ? [withReadonlyRootfs()] : [],
    ...propagation ? [({ linux }: Spec) => void (linux.rootfsPropagation = propagation)] : [],
    ...flags.has("cgroup") ? [withCgroup(flags.text("cgroup"))] : [],
    ...flags.on("net-host") ? [withHostNetwork(), withEnv([`HOSTNAME=${Deno.hostname()}`])] : [],
    ...flags.list("with-ns").map(joined),
    withDevices(...flags.list("device")),
  ];
}

function joined(text: string): SpecOption {
  const at = text.indexOf(":");
  return withNamespace(text.slice(0, at), text.slice(at + 1));
}

function resourceOptions(flags: Flags): SpecOption[] {
  const memory = whole(flags.text("memory-limit"), "memory-limit");
  const cpus = Number(flags.text("cpus"));
  if (!(cpus >= 0 && cpus < Infinity)) {
    throw usageError(`--cpus ${JSON.stringify(flags.text("cpus"))} is not a number of CPUs`);
  }
  if (cpus && flags.has("cpu-quota")) throw usageError("--cpus and --cpu-quota cannot be specified together");
  const quota = Number(flags.text("cpu-quota"));
  if (!Number.isSafeInteger(quota)) throw usageError("--cpu-quota is not a number of microseconds");
  return [
    withCpu({ shares: whole(flags.text("cpu-shares"), "cpu-shares") }),
    ...memory ? [withMemoryLimit(memory)] : [],
    ...cpus ? [withCpus(cpus)] : [],
    ...flags.has("cpu-quota") ? [withCpu({ quota })] : [],
    ...flags.has("cpu-period") ? [withCpu({ period: whole(flags.text("cpu-period"), "cpu-period") })] : [],
  ];
}

function privilegeOptions(flags: Flags): SpecOption[] {
  return [
    ...flags.on("privileged") ? [withPrivileged()] : [],
    withCapabilities({ add: flags.list("cap-add"), drop: flags.list("cap-drop") }),
  ];
}

function whole(text: string, flag: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) {
    throw usageError(`--${flag} ${JSON.stringify(text)} is not a number`);
  }
  return number;
}

function pairs(words: readonly string[], flag: string): Record<string, string> {
  return Object.fromEntries(words.map((word) => {
    const at = word.indexOf("=");
    if (at < 1) throw usageError(`--${flag} ${JSON.stringify(word)}: write key=value`);
    return [word.slice(0, at), word.slice(at + 1)];
  }));
}

async function readEnvFile(path: string): Promise<string[]> {
  const lines = (await Deno.readTextFile(path)).split("\n").map((line) => line.trim());
  return lines.filter((line) => line && !line.startsWith("#"));
}
