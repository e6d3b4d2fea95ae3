/** The runtime spec that an image and the flags of a call ask for. */
import { type Call, usageError } from "../command.ts";
import { parseExact } from "../process/json.ts";
import { defaultSpec, type Spec } from "./default_spec.ts";
import { addDevices } from "./devices.ts";
import { parseMount } from "./mounts.ts";

/** What an image says of its containers (image-spec, config.md). */
export interface ImageConfig {
  readonly Env?: string[];
  readonly Entrypoint?: string[];
  readonly Cmd?: string[];
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly StopSignal?: string;
}

/** The spec of the container `id`; its user is still to be looked up. */
export async function specOf(
  call: Call,
  id: string,
  args: readonly string[],
  image: ImageConfig,
): Promise<Spec> {
  const { flags, globals } = call;
  if (flags.text("config")) return parseExact(await Deno.readTextFile(flags.text("config")));
  const spec = defaultSpec(globals.namespace, id);
  await applyProcess(spec, call, args, image);
  await applyContainer(spec, call);
  applyResources(spec, call);
  applyPrivileges(spec, call);
  return spec;
}

async function applyProcess(
  spec: Spec,
  { flags }: Call,
  args: readonly string[],
  image: ImageConfig,
): Promise<void> {
  const { process } = spec;
  const files = await Promise.all(flags.list("env-file").map(readEnvFile));
  process.env = mergeEnv(process.env, image.Env ?? [], files.flat(), flags.list("env"));
  process.args = args.length
    ? [...image.Entrypoint ?? [], ...args]
    : [...image.Entrypoint ?? [], ...image.Cmd ?? []];
  process.cwd = flags.text("cwd") || image.WorkingDir || "/";
  if (process.args.length === 0) throw usageError("no command given, and the image has none");
  if (flags.on("tty")) {
    process.terminal = true;
    process.env = mergeEnv(process.env, ["TERM=xterm"], flags.list("env"));
  }
  if (flags.on("allow-new-privs")) process.noNewPrivileges = false;
  const openFiles = flags.text("rlimit-nofile");
  if (openFiles) {
    process.rlimits = [{
      type: "RLIMIT_NOFILE",
      hard: whole(openFiles, "rlimit-nofile"),
      soft: Number(openFiles),
    }];
  }
}

async function applyContainer(spec: Spec, { flags }: Call): Promise<void> {
  spec.mounts.push(...flags.list("mount").map(parseMount));
  if (flags.text("hostname")) spec.hostname = flags.text("hostname");
  if (flags.on("read-only")) spec.root.readonly = true;
  if (flags.has("annotation")) spec.annotations = pairs(flags.list("annotation"), "annotation");
  if (flags.text("rootfs-propagation")) spec.linux.rootfsPropagation = flags.text("rootfs-propagation");
  if (flags.has("cgroup")) {
    if (flags.text("cgroup")) spec.linux.cgroupsPath = flags.text("cgroup");
    else delete spec.linux.cgroupsPath;
  }
  if (flags.on("net-host")) useHostNetwork(spec);
  for (const text of flags.list("with-ns")) joinNamespace(spec, text);
  await addDevices(spec, flags.list("device"));
}

/** The host's network, and with it the host's names of hosts, as far as the host has such files. */
function useHostNetwork(spec: Spec): void {
  spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "network");
  for (const source of ["/etc/hosts", "/etc/resolv.conf"]) {
    try {
      Deno.statSync(source);
    } catch {
      continue;
    }
    spec.mounts.push({ destination: source, type: "bind", source, options: ["rbind", "ro"] });
  }
}

const namespaceTypes = ["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"];

function joinNamespace(spec: Spec, text: string): void {
  const at = text.indexOf(":");
  const [type, path] = [text.slice(0, at), text.slice(at + 1)];
  if (!namespaceTypes.includes(type) || !path.startsWith("/")) {
    throw usageError(
      `--with-ns ${JSON.stringify(text)}: write TYPE:PATH, TYPE one of ${namespaceTypes.join(", ")}`,
    );
  }
  spec.linux.namespaces = [...spec.linux.namespaces.filter((other) => other.type !== type), { type, path }];
}

function applyResources({ linux: { resources } }: Spec, { flags }: Call): void {
  const memory = whole(flags.text("memory-limit"), "memory-limit");
  if (memory) resources.memory = { limit: memory };
  const cpu: NonNullable<typeof resources.cpu> = { shares: whole(flags.text("cpu-shares"), "cpu-shares") };
  const cpus = Number(flags.text("cpus"));
  if (!(cpus >= 0)) throw usageError(`--cpus ${JSON.stringify(flags.text("cpus"))} is not a number of CPUs`);
  if (cpus && flags.has("cpu-quota")) throw usageError("--cpus and --cpu-quota cannot be specified together");
  if (cpus) Object.assign(cpu, { period: 100_000, quota: Math.trunc(cpus * 100_000) });
  if (flags.has("cpu-quota")) cpu.quota = Number(flags.text("cpu-quota"));
  if (flags.has("cpu-period")) cpu.period = whole(flags.text("cpu-period"), "cpu-period");
  if (cpu.quota !== undefined && !Number.isSafeInteger(cpu.quota)) {
    throw usageError("--cpu-quota is not a number");
  }
  resources.cpu = cpu;
}

function applyPrivileges(spec: Spec, { flags }: Call): void {
  const sets = spec.process.capabilities;
  if (flags.on("privileged")) openEverything(spec);
  for (const set of Object.keys(sets) as (keyof typeof sets)[]) {
    const dropped = flags.list("cap-drop").map(capability);
    sets[set] = [...new Set([...sets[set], ...flags.list("cap-add").map(capability)])]
      .filter((name) => !dropped.includes(name));
  }
}

/** All that the kernel knows (capability.h), so far as this kernel does. */
const allCapabilities = ("CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP " +
  "LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO " +
  "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE " +
  "AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON " +
  "BPF CHECKPOINT_RESTORE").split(" ").map((name) => `CAP_${name}`);

function openEverything(spec: Spec): void {
  const last = Number(Deno.readTextFileSync("/proc/sys/kernel/cap_last_cap"));
  const known = allCapabilities.slice(0, last + 1);
  spec.process.capabilities = { bounding: [...known], effective: [...known], permitted: [...known] };
  spec.process.noNewPrivileges = false;
  delete spec.linux.maskedPaths;
  delete spec.linux.readonlyPaths;
  spec.linux.resources.devices = [{ allow: true, access: "rwm" }];
  for (const mount of spec.mounts) {
    if (mount.type === "sysfs") {
      mount.options = mount.options?.map((option) => option === "ro" ? "rw" : option);
    }
  }
}

function capability(name: string): string {
  if (!allCapabilities.includes(name)) {
    throw usageError(`no capability ${JSON.stringify(name)} (CAP_NET_ADMIN, say)`);
  }
  return name;
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

/** Later values win; a name without a value takes the variable away. */
export function mergeEnv(...lists: readonly (readonly string[])[]): string[] {
  const variables = new Map<string, string>();
  for (const entry of lists.flat()) {
    const at = entry.indexOf("=");
    if (at < 0) variables.delete(entry);
    else variables.set(entry.slice(0, at), entry);
  }
  return [...variables.values()];
}

async function readEnvFile(path: string): Promise<string[]> {
  const lines = (await Deno.readTextFile(path)).split("\n").map((line) => line.trim());
  return lines.filter((line) => line && !line.startsWith("#"));
}
