/** Calling runc: finding it, checking its age, running it, and telling why it failed. */
import { Code, CtrError, failedPrecondition, messageOf } from "../errors.ts";
import { faultPoint } from "../fault.ts";
import {
  Access,
  closeDescriptor,
  Errno,
  kill,
  openFd,
  type Pipe,
  pipe,
  setNonblocking,
  spawn,
  SystemError,
} from "../sys/mod.ts";
import { readAvailable } from "./read.ts";
import type { Reaper } from "./reaper.ts";

/** Which runc, and how to call it. */
export interface Runtime {
  /** The executable as asked for: a name or a path. */
  readonly binary: string;
  /** Where it keeps the state of its containers. */
  readonly root: string;
  readonly systemdCgroup: boolean;
  readonly noPivotRoot: boolean;
  readonly noNewKeyring: boolean;
  /** Where CRIU works; in the bundle unless said. */
  readonly criuWorkPath?: string;
  /** Who owns the pipes that a process gets; root unless said. */
  readonly io?: { readonly uid: number; readonly gid: number };
}

/** What a call of runc is about. */
export interface Call {
  /** The command and its arguments. */
  readonly args: readonly string[];
  /** File for runc's own log, from which the reason of a failure is taken. */
  readonly log: string;
  /** What it and, for create and exec, the container's process get as 0, 1 and 2. /dev/null if absent. */
  readonly descriptors?: readonly [number, number, number];
}

/** Runs runc to its end. Throws its last error, as containerd words it, if it fails. */
export async function runRunc(reaper: Reaper, runtime: Runtime, call: Call): Promise<void> {
  const args = ["runc", "--root", runtime.root, "--log", call.log, "--log-format", "json"];
  if (runtime.systemdCgroup) args.push("--systemd-cgroup");
  args.push(...call.args);
  faultPoint("shim.runc");
  const pid = await spawnRunc(reaper, runtime.binary, args, call.descriptors ?? [none, none, none]);
  faultPoint("shim.runc-spawned");
  const { code } = await reaper.ended(pid);
  faultPoint("shim.runc-ended");
  if (code === 0) return;
  const reason = await lastError(call.log) ?? `exit status ${code}`;
  throw new CtrError(Code.Unknown, `OCI runtime ${call.args[0]} failed: ${reason}`);
}

/** One that was found before may have been moved since, by an upgrade say. */
async function spawnRunc(
  reaper: Reaper,
  binary: string,
  args: readonly string[],
  descriptors: readonly [number, number, number],
): Promise<number> {
  try {
    return spawn(await checkedRunc(reaper, binary), args, environment, descriptors);
  } catch (error) {
    if (!(error instanceof SystemError && error.errno === Errno.ENOENT)) throw error;
    checked.delete(binary);
    return spawn(await checkedRunc(reaper, binary), args, environment, descriptors);
  }
}

const none = openFd("/dev/null", Access.READ_WRITE);

// runc takes NOTIFY_SOCKET for itself: it would forward the container's readiness to systemd.
const environment = withoutNotify(Deno.env.toObject());

function withoutNotify({ NOTIFY_SOCKET: _, ...rest }: Record<string, string>) {
  return rest;
}

const checked = new Map<string, Promise<string>>();

/** The path of runc, once its version is known to be 1.0 or newer (older ones have CVE-2019-5736). */
export function checkedRunc(reaper: Reaper, binary: string): Promise<string> {
  let path = checked.get(binary);
  if (!path) {
    path = findAndCheck(reaper, binary);
    checked.set(binary, path);
    path.catch(() => checked.delete(binary));
  }
  return path;
}

async function findAndCheck(reaper: Reaper, binary: string): Promise<string> {
  const path = await findExecutable(binary);
  const version = await versionOf(reaper, path);
  if (tooOld(version)) {
    throw failedPrecondition(`${path} is version ${shortVersion(version)}: runc 1.0 or newer is needed`);
  }
  return path;
}

async function findExecutable(binary: string): Promise<string> {
  const candidates = binary.includes("/")
    ? [binary]
    : (environment.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin").split(":").map((dir) => `${dir}/${binary}`);
  for (const path of candidates) {
    const found = await Deno.stat(path).catch(() => undefined);
    if (found?.isFile && (found.mode ?? 0) & 0o111) return path;
  }
  throw new CtrError(
    Code.Unknown,
    `OCI runtime ${JSON.stringify(binary)}: executable file not found in $PATH; install it (${
      install(binary)
    }), ` +
      "or name another with --runc-binary",
  );
}

const install = (binary: string) => binary.includes("/") ? "there" : `apt-get install ${binary}`;

/** Runtimes other than runc (crun, youki) name themselves; only runc's own numbers are judged. */
export function tooOld(version: string): boolean {
  const [, major] = /^runc version (\d+)\./m.exec(version) ?? [];
  if (major === undefined) return false;
  return Number(major) < 1 || /^runc version 1\.0\.0-rc([1-9]|[1-8]\d)\b/m.test(version);
}

const shortVersion = (text: string) => /^runc version (\S+)/m.exec(text)?.[1] ?? text;

/** What a runtime says of its version. */
export async function versionOf(reaper: Reaper, path: string): Promise<string> {
  const output: Pipe = pipe();
  try {
    setNonblocking(output.read);
    const pid = spawn(path, ["runc", "--version"], environment, [none, output.write, none]);
    const timer = setTimeout(() => kill(pid, 9), 10_000);
    await reaper.ended(pid);
    clearTimeout(timer);
    return readAvailable(output.read, 4096);
  } catch (error) {
    throw new CtrError(Code.Unknown, `OCI runtime ${path}: ${messageOf(error)}`, { cause: error });
  } finally {
    closeDescriptor(output.read);
    closeDescriptor(output.write);
  }
}

const LOG_LIMIT = 64 * 1024;

/** The last error in a log of runc's (one JSON object a line). */
export async function lastError(log: string): Promise<string | undefined> {
  const text = await readTail(log).catch(() => "");
  for (const line of text.split("\n").reverse()) {
    try {
      const entry = JSON.parse(line);
      if (entry.level === "error" || entry.level === "fatal") return String(entry.msg);
    } catch {
      // Not a whole line: the tail began within it.
    }
  }
  return undefined;
}

async function readTail(path: string): Promise<string> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  await file.seek(Math.max(0, size - LOG_LIMIT), Deno.SeekMode.Start);
  const buffer = new Uint8Array(LOG_LIMIT);
  const count = await file.read(buffer) ?? 0;
  return new TextDecoder().decode(buffer.subarray(0, count));
}
