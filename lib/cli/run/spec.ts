/** The runtime spec that an image and the flags of a call ask for. */
import {
  type ImageConfig,
  makeSpec,
  parseExact,
  parseMount,
  type Spec,
  type SpecContext,
  type SpecOption,
  withAnnotations,
  withArgs,
  withCgroup,
  withCwd,
  withDomainname,
  withEnv,
  withHostname,
  withHostNetwork,
  withImageConfig,
  withMounts,
  withNamespace,
  withReadonlyRootfs,
  withShmSize,
  withTerminal,
  withUser,
  withUserNamespace,
} from "../../oci/mod.ts";
import { type Flags, usageError } from "../command.ts";
import { parseLabels } from "../output/labels.ts";
import { size } from "./numbers.ts";
import { privilegeOptions, refuseUnsupported } from "./privileges.ts";
import { resourceOptions } from "./resources.ts";
import { mappingsFrom } from "./user_namespace.ts";

/** The spec of a container: `--config`, or the defaults, the image's wishes if there is one, and what the flags say. */
export async function specOf(
  flags: Flags,
  context: SpecContext,
  image: ImageConfig | undefined,
  args: readonly string[],
): Promise<Spec> {
  refuseUnsupported(flags);
  const mappings = mappingsFrom(flags);
  // Labels are annotations too, so that runtimes and hooks see them.
  const labels = withAnnotations(parseLabels(flags.list("label")));
  if (flags.text("config")) {
    const spec: Spec = parseExact(await Deno.readTextFile(flags.text("config")));
    await labels(spec, context);
    return spec;
  }
  const spec = await makeSpec(context, [
    ...baseOptions(flags, image, args),
    ...await processOptions(flags),
    ...containerOptions(flags),
    ...resourceOptions(flags),
    ...privilegeOptions(flags),
    labels,
    ...mappings ? [withUserNamespace(mappings)] : [],
  ]);
  if (spec.process.args.length === 0) throw usageError("no command given, and the image has none");
  return spec;
}

function baseOptions(flags: Flags, image: ImageConfig | undefined, args: readonly string[]): SpecOption[] {
  const user = flags.text("user");
  // A command given takes the place of the image's, its entry point included: so it is with Go's ctr.
  const command = args.length ? [withArgs(...args)] : [];
  // A user given by flag takes the place of the image's, which need not even exist.
  if (image) return [withImageConfig(user ? { ...image, User: user } : image), ...command];
  return [...command, ...user ? [withUser(user)] : []];
}

async function processOptions(flags: Flags): Promise<SpecOption[]> {
  const files = await Promise.all(flags.list("env-file").map(readEnvFile));
  return [
    ...flags.on("tty") ? [withTerminal()] : [],
    withEnv([...files.flat(), ...flags.list("env")]),
    ...flags.text("cwd") ? [withCwd(flags.text("cwd"))] : [],
  ];
}

function containerOptions(flags: Flags): SpecOption[] {
  const propagation = flags.text("rootfs-propagation");
  const shm = flags.text("shm-size");
  return [
    ...shm ? [withShmSize(size(shm, "shm-size"))] : [],
    withMounts(...flags.list("mount").map(parseMount)),
    withAnnotations(pairs(flags.list("annotation"), "annotation")),
    ...flags.text("hostname") ? [withHostname(flags.text("hostname"))] : [],
    ...flags.text("domainname") ? [withDomainname(flags.text("domainname"))] : [],
    ...flags.on("read-only") ? [withReadonlyRootfs()] : [],
    ...propagation ? [({ linux }: Spec) => void (linux.rootfsPropagation = propagation)] : [],
    ...flags.has("cgroup") ? [withCgroup(flags.text("cgroup"))] : [],
    ...flags.on("net-host") ? [withHostNetwork(), withEnv([`HOSTNAME=${Deno.hostname()}`])] : [],
    ...flags.list("with-ns").map(joined),
  ];
}

function joined(text: string): SpecOption {
  const at = text.indexOf(":");
  return withNamespace(text.slice(0, at), text.slice(at + 1));
}

function pairs(words: readonly string[], flag: string): Record<string, string> {
  return Object.fromEntries(words.map((word) => {
    const at = word.indexOf("=");
    if (at < 1) throw usageError(`--${flag} ${JSON.stringify(word)}: write key=value`);
    return [word.slice(0, at), word.slice(at + 1)];
  }));
}

/** Lines of `NAME=value`, the value as it stands; a bare `NAME` takes one away. Comments and empty lines are left out. */
async function readEnvFile(path: string): Promise<string[]> {
  const lines = (await Deno.readTextFile(path)).split("\n").map((line) =>
    line.replace(/\r$/, "").trimStart()
  );
  return lines.filter((line) => line && !line.startsWith("#"));
}
