/** Seccomp profiles in files: as the runtime spec has them, or as Docker does. */
import { invalidArgument, messageOf } from "../errors.ts";
import { parseExact } from "./exact_json.ts";
import type { Seccomp, SeccompArg, SeccompRule } from "./seccomp.ts";
import { fromDocker, isDocker } from "./seccomp_docker.ts";

const actions = "KILL KILL_PROCESS KILL_THREAD TRAP ERRNO TRACE ALLOW LOG NOTIFY".split(" ")
  .map((name) => `SCMP_ACT_${name}`);
const operators = "NE LT LE EQ GE GT MASKED_EQ".split(" ").map((name) => `SCMP_CMP_${name}`);
/** Larger profiles are somebody's mistake: containerd's default has 15 KB. */
const sizeLimit = 4 << 20;

/**
 * Reads the profile in a file, for a process whose bounding set is `capabilities`.
 *
 * Throws InvalidArgument, naming the file and what is wrong in it.
 */
export async function readSeccomp(path: string, capabilities: readonly string[]): Promise<Seccomp> {
  const what = `seccomp profile ${JSON.stringify(path)}`;
  try {
    const { isFile, size } = await Deno.stat(path);
    if (!isFile || size > sizeLimit) throw new Error("not a file of a sane size");
    const json: unknown = parseExact(await Deno.readTextFile(path));
    if (!isObject(json)) throw new Error("not a JSON object");
    const profile = isDocker(json) ? await fromDocker(json, capabilities) : json;
    check(profile);
    return profile;
  } catch (error) {
    throw invalidArgument(`${what}: ${messageOf(error)}`, { cause: error });
  }
}

function check(profile: Record<string, unknown>): asserts profile is Record<string, unknown> & Seccomp {
  oneOf(profile.defaultAction, actions, "defaultAction");
  const { architectures = [], syscalls = [] } = profile;
  if (!isTexts(architectures) || !architectures.every((name) => /^SCMP_ARCH_[A-Z0-9_]+$/.test(name))) {
    throw new Error("architectures is not a list of SCMP_ARCH_ names");
  }
  if (!Array.isArray(syscalls)) throw new Error("syscalls is not a list");
  for (const [at, rule] of syscalls.entries()) checkRule(rule, `syscalls[${at}]`);
}

function checkRule(rule: Partial<SeccompRule> | null, where: string): void {
  if (!isObject(rule)) throw new Error(`${where} is not an object`);
  const { names, args } = rule;
  if (!isTexts(names) || !names.length || names.includes("")) {
    throw new Error(`${where}.names is not a list of system calls`);
  }
  oneOf(rule.action, actions, `${where}.action`);
  if (args === undefined || args === null) return;
  if (!Array.isArray(args)) throw new Error(`${where}.args is not a list`);
  for (const [n, arg] of args.entries()) checkArg(arg, `${where}.args[${n}]`);
}

function checkArg(arg: Partial<SeccompArg> | null, where: string): void {
  if (!isObject(arg)) throw new Error(`${where} is not an object`);
  const index = Number(arg.index);
  if (!(Number.isInteger(index) && index >= 0 && index < 6)) throw new Error(`${where}.index is not 0 to 5`);
  oneOf(arg.op, operators, `${where}.op`);
}

function oneOf(value: unknown, known: readonly string[], where: string): void {
  if (known.includes(value as string)) return;
  const found = value === undefined ? "missing" : JSON.stringify(value);
  throw new Error(`${where} is ${found}: ${known.join(", ")} are known`);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");
