/**
 * Spec options: small functions that each change one thing about a spec.
 *
 * @example
 * ```ts
 * const spec = await makeSpec({ namespace: "default", id: "web" }, [
 *   withArgs("sleep", "100"),
 *   withMemoryLimit(64 << 20),
 * ]);
 * ```
 */
import type { Mount } from "../api/types/mount.ts";
import { invalidArgument } from "../errors.ts";
import { addDevices, addHostDevices } from "./devices.ts";
import { type ImageConfig, mergeEnv } from "./image_config.ts";
import { changeCapabilities, openEverything } from "./privileges.ts";
import { userIn, userOf } from "./rootfs_user.ts";
import { type CpuLimits, defaultSpec, type Spec, type SpecMount } from "./spec.ts";
import type { User } from "./users.ts";

/** What options may need to know of the container. */
export interface SpecContext {
  readonly namespace: string;
  readonly id: string;
  /** How its root file system is mounted: where users are looked up. */
  readonly rootfs?: readonly Mount[];
  /** The user that the image asks for, where it has been looked up already. */
  readonly user?: User;
}

export type SpecOption = (spec: Spec, context: SpecContext) => void | Promise<void>;

/** The default spec, changed by `options` in order. */
export async function makeSpec(context: SpecContext, options: readonly SpecOption[]): Promise<Spec> {
  const spec = defaultSpec(context.namespace, context.id);
  for (const option of options) await option(spec, context);
  return spec;
}

/** Command, environment, directory and user as the image has them; `args` in place of its command. */
export function withImageConfig(image: ImageConfig, args: readonly string[] = []): SpecOption {
  return async (spec, context) => {
    const { process } = spec;
    process.env = mergeEnv(process.env, image.Env ?? []);
    process.args = [...image.Entrypoint ?? [], ...(args.length ? args : image.Cmd ?? [])];
    process.cwd = image.WorkingDir || "/";
    if (context.user) process.user = context.user;
    else if (image.User) await withUser(image.User)(spec, context);
    else if (context.rootfs?.length) process.user = await userOf(context.rootfs, "");
  };
}

/** The command and its arguments. */
export const withArgs = (...args: string[]): SpecOption => ({ process }) => void (process.args = args);

/** Variables on top of those there are: `NAME=value`; a bare `NAME` is taken away. */
export const withEnv = (env: readonly string[]): SpecOption => ({ process }) =>
  void (process.env = mergeEnv(process.env, env));

/** The working directory. */
export const withCwd = (cwd: string): SpecOption => ({ process }) => void (process.cwd = cwd);

/**
 * `name`, `uid`, `name:group` or `uid:gid`, by the container's own files, supplementary groups included.
 * Throws InvalidArgument for a name that isn't there and a number no user can have.
 */
export function withUser(user: string): SpecOption {
  return async ({ process }, { rootfs }) => {
    if (user === "" || user === "0:0") return;
    if (!rootfs) {
      throw invalidArgument(`user ${JSON.stringify(user)} cannot be looked up without a root file system`);
    }
    process.user = await userIn(rootfs, user);
  };
}

/** A terminal in place of three streams. */
export const withTerminal = (): SpecOption => ({ process }) => {
  process.terminal = true;
  if (!process.env.some((entry) => entry.startsWith("TERM="))) process.env.push("TERM=xterm");
};

/** More mounts, after those there are; one takes the place of a default one at its destination. */
export const withMounts = (...mounts: SpecMount[]): SpecOption => (spec) => {
  const covered = mounts.map(({ destination }) => plainPath(destination));
  const left = spec.mounts.filter(({ destination }) => !covered.includes(plainPath(destination)));
  spec.mounts = [...left, ...mounts];
};

const plainPath = (path: string) => path.replaceAll(/\/+/g, "/").replace(/(?<=.)\/$/, "");

export const withHostname = (name: string): SpecOption => (spec) => void (spec.hostname = name);

/** The NIS domain. runc has it since 1.2. */
export const withDomainname = (name: string): SpecOption => (spec) => void (spec.domainname = name);

/** A root file system that can't be written to. */
export const withReadonlyRootfs = (): SpecOption => ({ root }) => void (root.readonly = true);

/** A directory of the host as the root file system. */
export const withRootfsPath = (path: string): SpecOption => ({ root }) => void (root.path = path);

/** The host's network, and with it the host's names of hosts, as far as the host has such files. */
export const withHostNetwork = (): SpecOption => async (spec) => {
  spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "network");
  for (const source of ["/etc/hosts", "/etc/resolv.conf"]) {
    const there = await Deno.stat(source).then(() => true, () => false);
    if (there) spec.mounts.push({ destination: source, type: "bind", source, options: ["rbind", "ro"] });
  }
};

const namespaceTypes = ["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"];

/** A namespace that is there already (`/proc/PID/ns/net`, say) in place of one of its own. */
export function withNamespace(type: string, path: string): SpecOption {
  if (!namespaceTypes.includes(type) || !path.startsWith("/")) {
    throw invalidArgument(
      `namespace ${type}:${path}: write TYPE:PATH, TYPE one of ${namespaceTypes.join(", ")}`,
    );
  }
  return ({ linux }) =>
    void (linux.namespaces = [...linux.namespaces.filter((other) => other.type !== type), { type, path }]);
}

export const withAnnotations = (annotations: Record<string, string>): SpecOption => (spec) => {
  if (Object.keys(annotations).length) spec.annotations = { ...spec.annotations, ...annotations };
};

/** The cgroup's path; empty for the runtime's own choice. */
export const withCgroup = (path: string): SpecOption => ({ linux }) => {
  if (path) linux.cgroupsPath = path;
  else delete linux.cgroupsPath;
};

/** Most memory, in bytes. */
export const withMemoryLimit = (limit: number): SpecOption => ({ linux }) =>
  void (linux.resources.memory = { limit });

const cpuPeriod = 100_000;

/** Time on so many CPUs; fractions are fine. */
export const withCpus = (cpus: number): SpecOption => ({ linux }) => {
  const cpu = { period: cpuPeriod, quota: Math.trunc(cpus * cpuPeriod) };
  linux.resources.cpu = { ...linux.resources.cpu, ...cpu };
};

/** Any of shares, quota, burst and period (microseconds), CPUs and memory nodes. */
export const withCpu = (cpu: CpuLimits): SpecOption => ({ linux }) =>
  void (linux.resources.cpu = { ...linux.resources.cpu, ...cpu });

/** Most processes and threads. */
export const withPidsLimit = (limit: number): SpecOption => ({ linux }) =>
  void (linux.resources.pids = { limit });

/** A resource limit, "RLIMIT_NOFILE" say, in place of what there was. */
export const withRlimit = (type: string, soft: number, hard = soft): SpecOption => ({ process }) =>
  void (process.rlimits = [...process.rlimits.filter((other) => other.type !== type), { type, hard, soft }]);

export const withOomScoreAdj = (score: number): SpecOption => ({ process }) =>
  void (process.oomScoreAdj = score);

/** Capabilities given and taken; names with or without `CAP_`. */
export const withCapabilities =
  (change: { add?: readonly string[]; drop?: readonly string[] }): SpecOption => (spec) =>
    changeCapabilities(spec, change.add ?? [], change.drop ?? []);

/** Every capability, nothing masked; unless said otherwise, the host's devices with leave to use them all. */
export const withPrivileged = ({ devices = true } = {}): SpecOption => async (spec) => {
  openEverything(spec);
  if (!devices) return;
  spec.linux.resources.devices = [{ allow: true, access: "rwm" }];
  await addHostDevices(spec);
};

/** Programs may gain privileges by what they execute. */
export const withNewPrivileges = (): SpecOption => ({ process }) => void (delete process.noNewPrivileges);

/** Devices of the host, or directories of them. */
export const withDevices = (...paths: string[]): SpecOption => (spec) => addDevices(spec, paths);
