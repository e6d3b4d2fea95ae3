/** The default AppArmor profile, loaded into the kernel by apparmor_parser. */
import { failedPrecondition, invalidArgument } from "../errors.ts";

/** Where to look; tests say otherwise. */
export interface AppArmorHost {
  /** The kernel's list of loaded profiles: `NAME (MODE)`, one a line. */
  readonly profiles: string;
  /** Directory of the policy's includes. */
  readonly includes: string;
  readonly parser: string;
}

const thisHost: AppArmorHost = {
  profiles: "/sys/kernel/security/apparmor/profiles",
  includes: "/etc/apparmor.d",
  parser: "apparmor_parser",
};

/**
 * Loads the default profile as `name`, unless the kernel has one of that name already.
 *
 * Throws InvalidArgument for a name no profile can have; FailedPrecondition without AppArmor, or with the parser's
 * words if it refuses.
 */
export async function loadDefaultProfile(name: string, host: AppArmorHost = thisHost): Promise<void> {
  checkProfileName(name);
  if (await isLoaded(name, host)) return;
  const text = defaultProfile(name, {
    daemon: await ownProfile(),
    abi: await exists(`${host.includes}/abi/3.0`),
    tunables: await exists(`${host.includes}/tunables/global`),
    base: await exists(`${host.includes}/abstractions/base`),
  });
  const path = await Deno.makeTempFile({ prefix: "longshore-apparmor-" });
  try {
    await Deno.writeTextFile(path, text);
    // Not from the parser's cache, and in place of one that was loaded meanwhile.
    await parse(host, ["-K", "-r", path], name);
  } finally {
    await Deno.remove(path);
  }
}

/** Throws InvalidArgument for names that would be more than a name in a profile's text. */
function checkProfileName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return;
  throw invalidArgument(
    `AppArmor profile ${JSON.stringify(name)}: a name has letters, digits, dots, dashes and underscores`,
  );
}

async function isLoaded(name: string, { profiles }: AppArmorHost): Promise<boolean> {
  try {
    const loaded = (await Deno.readTextFile(profiles)).split("\n");
    return loaded.some((line) => line.startsWith(`${name} `));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw failedPrecondition(`this host has no AppArmor: there is no ${profiles}`, { cause: error });
  }
}

async function parse({ parser }: AppArmorHost, args: string[], name: string): Promise<void> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(parser, { args, stdin: "null" }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw failedPrecondition(`${parser} is not in PATH: install it (apt-get install apparmor)`, {
      cause: error,
    });
  }
  if (output.success) return;
  const [out, err] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  throw failedPrecondition(`AppArmor profile ${name} could not be loaded: ${err || out}`);
}

/** The profile this process itself is under; processes that it starts signal containers. */
async function ownProfile(): Promise<string> {
  const text = await Deno.readTextFile("/proc/self/attr/current").catch(() => "");
  return text.replaceAll("\0", "").trim().split(" ")[0] || "unconfined";
}

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

/** What a profile's text depends on besides its name. */
export interface ProfileSurroundings {
  /** The profile of who looks after containers. */
  readonly daemon: string;
  /** Which of the policy's includes there are. */
  readonly abi: boolean;
  readonly tunables: boolean;
  readonly base: boolean;
}

/**
 * The default profile: files, capabilities and networks as the container's other limits allow, but no mounts, and
 * no writing to what of /proc and /sys is the host's. Source: apparmor.d(5).
 */
export function defaultProfile(name: string, { daemon, abi, tunables, base }: ProfileSurroundings): string {
  const signalling = [...new Set(["unconfined", "runc", "crun", daemon])];
  const rules = [
    ...base ? ["#include <abstractions/base>"] : [],
    ...["file", "network", "capability", "umount", "deny mount"].map(rule),
    ...signalling.map((peer) => rule(`signal (receive) peer=${peer}`)),
    rule(`signal (send, receive) peer=${name}`),
    rule(`ptrace (trace, tracedby, read, readby) peer=${name}`),
    ...denied.map(([path, access]) => rule(`deny ${path} ${access}`)),
  ];
  return [
    ...abi ? ["abi <abi/3.0>,"] : [],
    tunables ? "#include <tunables/global>" : "@{PROC}=/proc/",
    `profile ${name} flags=(attach_disconnected, mediate_deleted) {`,
    ...rules.map((line) => `  ${line}`),
    "}\n",
  ].join("\n");
}

const rule = (text: string) => `${text},`;

/** AppArmor has no "all but": names other than `name`, by their first letter that differs. */
const others = (name: string, end: string, neitherFirst = "") =>
  [...name].map((letter, n) => `${name.slice(0, n)}[^${n ? "" : neitherFirst}${letter}/]${end}`);

const below = (dir: string, names: string[], access: string) =>
  names.map((name) => [`${dir}/${name}`, access] as const);

/** What stays closed though files are open: the host's part of /proc and /sys. */
const denied: readonly (readonly [path: string, access: string])[] = [
  ["@{PROC}/*", "w"],
  // Directories of /proc that are neither a process's nor "sys".
  ...below("@{PROC}", others("sys", "*/**", "1-9"), "w"),
  // Of /proc/sys only kernel/shm*, which is a namespace's own.
  ...below("@{PROC}/sys", others("kernel", "**"), "w"),
  ...below("@{PROC}/sys/kernel", others("shm", "**"), "w"),
  ["@{PROC}/sysrq-trigger", "rwklx"],
  ["@{PROC}/kcore", "rwklx"],
  // Of /sys only fs/cgroup.
  ...below("/sys", others("fs", "*/**"), "wklx"),
  ...below("/sys/fs", others("cgroup", "*/**"), "wklx"),
  ["/sys/firmware/**", "rwklx"],
  ["/sys/devices/virtual/powercap/**", "rwklx"],
  ["/sys/kernel/security/**", "rwklx"],
];
