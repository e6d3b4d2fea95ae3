/**
 * Docker's seccomp profiles: rules that hold only with some capabilities, architectures or kernels. Source: the
 * profile that moby ships, profiles/seccomp/default.json.
 */
import type { SeccompRule } from "./seccomp.ts";

/** When a rule counts: by what the container and the host are. */
interface Condition {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
  /** `4.8`: this or a later one. */
  readonly minKernel?: string;
}

interface DockerRule extends Partial<SeccompRule> {
  readonly name?: string;
  readonly includes?: Condition;
  readonly excludes?: Condition;
}

interface DockerProfile extends Record<string, unknown> {
  readonly archMap?: readonly { architecture: string; subArchitectures?: readonly string[] | null }[];
  readonly syscalls?: readonly DockerRule[];
}

/** Whether a profile uses what only Docker's have. */
export function isDocker(json: Record<string, unknown>): json is DockerProfile {
  if (Array.isArray(json.archMap)) return true;
  const rules = Array.isArray(json.syscalls) ? json.syscalls : [];
  return rules.some((rule) => rule && (rule.name || rule.includes || rule.excludes));
}

/** Machines as Docker's profiles (and Go) call them, by the name of their filter. */
const machines: Readonly<Record<string, { arch: string; filter: string }>> = {
  x86_64: { arch: "amd64", filter: "SCMP_ARCH_X86_64" },
  aarch64: { arch: "arm64", filter: "SCMP_ARCH_AARCH64" },
};

/** The profile as the runtime spec has it, with the rules that count on this host for these capabilities. */
export async function fromDocker(
  { archMap, syscalls = [], ...rest }: DockerProfile,
  capabilities: readonly string[],
): Promise<Record<string, unknown>> {
  const { arch, filter } = machines[Deno.build.arch]!;
  const kernel = (await Deno.readTextFile("/proc/sys/kernel/osrelease")).trim();
  const meets = (wanted: Condition, all: boolean) => {
    const caps = (wanted.caps ?? []).map((name) => capabilities.includes(name));
    const tests = [
      ...caps.length ? [all ? caps.every(Boolean) : caps.some(Boolean)] : [],
      ...wanted.arches?.length ? [wanted.arches.includes(arch)] : [],
      ...wanted.minKernel ? [isAtLeast(kernel, wanted.minKernel)] : [],
    ];
    return all ? tests.every(Boolean) : tests.some(Boolean);
  };
  const own = archMap?.find(({ architecture }) => architecture === filter);
  return {
    ...rest,
    ...own && { architectures: [own.architecture, ...own.subArchitectures ?? []] },
    syscalls: syscalls.filter(({ includes, excludes }) =>
      meets(includes ?? {}, true) && !meets(excludes ?? {}, false)
    ).map(plain),
  };
}

function plain({ name, names, includes: _, excludes: __, ...rule }: DockerRule & { comment?: string }) {
  const { comment: ___, ...kept } = rule;
  return { names: name ? [name] : names, ...kept };
}

/** Compares the first two numbers of kernel versions. */
function isAtLeast(kernel: string, least: string): boolean {
  const [major = 0, minor = 0] = kernel.split(".").map((part) => parseInt(part));
  const [wantedMajor = 0, wantedMinor = 0] = least.split(".").map((part) => parseInt(part));
  return major > wantedMajor || major === wantedMajor && minor >= wantedMinor;
}
