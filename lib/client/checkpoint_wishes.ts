/**
 * What a checkpoint wants of the host beyond what a container gets by default. A checkpoint comes from anywhere, and
 * with hooks or a bind mount of its own choice it would be a program that runs as root on the host.
 */
import type { Options } from "../api/types/runc/options/oci.ts";
import { defaultSpec, type DeviceRule, type Spec } from "../oci/mod.ts";

/** The parts of a spec that `ctr run` never writes, but a checkpoint may have. */
interface ForeignSpec extends Spec {
  readonly hooks?: Record<string, readonly unknown[] | null>;
}

/** File systems that show nothing of the host. */
const harmless = new Set(["proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2"]);
const secrets = ["/proc/kcore", "/proc/keys", "/sys/firmware"];

/** Each in a few words; empty if it wants nothing. `devices`: those of the host that it is given. */
export function wishesOf(
  spec: ForeignSpec,
  runtime: { readonly name: string; readonly options?: Options },
  devices: readonly string[],
): string[] {
  const { name, options } = runtime;
  return [
    ...name.startsWith("/") ? [`the runtime ${name}`] : [],
    ...options?.binaryName ? [`the runtime ${options.binaryName}`] : [],
    ...Object.entries(spec.hooks ?? {}).filter(([, hooks]) => hooks?.length).map(([when]) => `${when} hooks`),
    ...mounts(spec).map((source) => `the mount ${source}`),
    ...namespaces(spec),
    ...capabilities(spec),
    ...rules(spec, devices),
    ...secrets.every((path) => spec.linux.maskedPaths?.includes(path)) ? [] : ["the host's /proc and /sys"],
    ...spec.linux.rootfsPropagation?.includes("shared") ? ["shared mounts"] : [],
    ...spec.root.path.startsWith("/") ? [`the root ${spec.root.path}`] : [],
  ];
}

function mounts({ mounts }: ForeignSpec): string[] {
  return mounts.filter(({ type, options = [] }) =>
    !harmless.has(type) || options.some((option) => /^r?bind$/.test(option))
  ).map(({ source, destination }) => source ?? destination);
}

function namespaces({ linux }: ForeignSpec): string[] {
  const joined = linux.namespaces.filter(({ path }) => path).map(({ path }) => `the namespace ${path}`);
  const shared = defaultSpec("", "").linux.namespaces.filter(({ type }) =>
    !linux.namespaces.some((own) => own.type === type)
  );
  return [...joined, ...shared.map(({ type }) => `the host's ${type} namespace`)];
}

function capabilities({ process }: ForeignSpec): string[] {
  const usual = defaultSpec("", "").process.capabilities.bounding;
  const asked = new Set(Object.values(process.capabilities ?? {}).flat());
  return [...asked].filter((capability) => !usual.includes(capability));
}

/** Rules that allow devices, but those that every container has, and those that it is given. */
function rules({ linux }: ForeignSpec, devices: readonly string[]): string[] {
  const same = (one: DeviceRule, { type, major, minor }: Partial<DeviceRule>) =>
    one.type === type && one.major === major && one.minor === minor;
  const usual = defaultSpec("", "").linux.resources.devices.filter(({ allow }) => allow);
  const given = linux.devices?.filter(({ path }) => devices.includes(path)) ?? [];
  const asked = linux.resources?.devices?.filter(({ allow }) => allow) ?? [];
  return asked.filter((rule) => ![...usual, ...given].some((other) => same(rule, other)))
    .map(({ type = "a", major = "*", minor = "*" }) => `devices ${type} ${major}:${minor}`);
}
