/** The default seccomp profile: what is allowed by capability, and all else answered with EPERM. */
import { architectures, behind, everyday } from "./seccomp_calls.ts";

/** A condition on one argument of a system call (runtime-spec, config-linux.md, "Seccomp"). */
export interface SeccompArg {
  index: number;
  /** Of `SCMP_CMP_MASKED_EQ`: the mask. */
  value: unknown;
  /** Of `SCMP_CMP_MASKED_EQ`: what the masked argument must be; 0 if absent. */
  valueTwo?: unknown;
  /** `SCMP_CMP_EQ` and its kin. */
  op: string;
}

/** What happens to calls of some names; with `args`, only to those that meet all conditions. */
export interface SeccompRule {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: SeccompArg[];
}

/** A filter of system calls (runtime-spec, config-linux.md, "Seccomp"). */
export interface Seccomp {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  flags?: string[];
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: SeccompRule[];
}

const allow = "SCMP_ACT_ALLOW";
const errno = "SCMP_ACT_ERRNO";
const ENOSYS = 38;

/** Flags of clone(2) that make namespaces: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const newNamespaces = 0x7e02_0000;
/** Ways to run foreign programs that change nothing else (personality(2)); the last one only asks. */
const personalities = [0, 0x0008, 0x2_0000, 0x2_0008, 0xffff_ffff];
/** Families of sockets that reach past namespaces: the kernel's cryptography, and the hypervisor. */
const AF_ALG = 38;
const AF_VSOCK = 40;

/**
 * The profile for a process whose bounding set is `capabilities`, on a machine as `Deno.build.arch` calls it (or
 * `uname -m`, for those that Deno doesn't run on).
 */
export function defaultSeccomp(
  capabilities: readonly string[],
  machine: string = Deno.build.arch,
): Seccomp {
  const own = architectures[machine];
  const held = capabilities.filter((name) => Object.hasOwn(behind, name));
  const names = [...Object.values(everyday), own?.calls ?? "", ...held.map((name) => behind[name]!)];
  return {
    defaultAction: errno,
    ...own && { architectures: own.filters.split(" ").map((name) => `SCMP_ARCH_${name}`) },
    syscalls: [
      { names: [...new Set(names.join(" ").split(" ").filter(Boolean))].sort(), action: allow },
      ...personalities.map((value) => when("personality", { index: 0, value, op: "SCMP_CMP_EQ" })),
      ...sockets(),
      ...held.includes("CAP_SYS_ADMIN") ? [] : namespaceless(machine),
    ],
  };
}

function when(name: string, condition: SeccompArg): SeccompRule {
  return { names: [name], action: allow, args: [condition] };
}

/**
 * All families but two. A rule has one condition each, since runc makes several conditions on the same argument
 * into rules of their own, of which any would do.
 */
function sockets(): SeccompRule[] {
  return [
    when("socket", { index: 0, value: AF_ALG, op: "SCMP_CMP_LT" }),
    when("socket", { index: 0, value: AF_ALG + 1, op: "SCMP_CMP_EQ" }),
    when("socket", { index: 0, value: AF_VSOCK, op: "SCMP_CMP_GT" }),
  ];
}

/** Threads and processes, but no namespaces. clone3's flags lie in memory, so libc is told to use clone. */
function namespaceless(machine: string): SeccompRule[] {
  const index = machine === "s390x" ? 1 : 0;
  return [
    when("clone", { index, value: newNamespaces, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }),
    { names: ["clone3"], action: errno, errnoRet: ENOSYS },
  ];
}
