/** The three standard streams of one process in a container. */
import { Access, chownFd, closeDescriptor, type Epoll, openFd, pipe } from "../sys/mod.ts";
import { invalidArgument } from "../errors.ts";
import { Input } from "./input.ts";
import { type Logged, startLogProgram } from "./log_program.ts";
import { checkTarget, copyOutput, type Output } from "./output.ts";
import type { Shim } from "./shim.ts";
import { Terminal } from "./terminal.ts";

/** Where the streams lead: paths of FIFOs, URIs of logs for output (see {@linkcode checkTarget}), or empty for none. */
export interface StdioPaths {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
}

const isProgram = (target: string) => target.startsWith("binary://");
const nothing = () => openFd("/dev/null", Access.READ_WRITE);

/** The pipes of one process, made before runc, connected once it has succeeded. */
export class Stdio implements Disposable {
  /** What runc gets as 0, 1 and 2. */
  readonly descriptors: [number, number, number];
  #ours: { stdin?: number; stdout?: number; stderr?: number } = {};
  readonly #outputs: Output[] = [];
  #input?: Input;
  readonly #terminal?: Terminal;
  #theirsClosed = false;

  /** `state` is the daemon's state directory, for the socket of a terminal; `owner` gets what the process gets. */
  constructor(readonly paths: StdioPaths, state: string, owner?: { uid: number; gid: number }) {
    checkTarget(paths.stdout);
    checkTarget(paths.stderr);
    if (isProgram(paths.stderr) && paths.stderr !== paths.stdout) {
      throw invalidArgument(`stdio ${paths.stderr}: a logging program takes both streams`);
    }
    if (paths.terminal) {
      this.#terminal = new Terminal(state);
      this.descriptors = [nothing(), nothing(), nothing()];
      this.#ours = { stdin: this.#terminal.input, stdout: this.#terminal.output };
      return;
    }
    this.descriptors = [this.#inward(), this.#outward("stdout"), this.#outward("stderr")];
    const ours = [paths.stdin, paths.stdout, paths.stderr];
    if (owner) this.descriptors.forEach((fd, n) => ours[n] && chownFd(fd, owner.uid, owner.gid));
  }

  /** Starts the program that takes the output, if there is one; before the process, which may write at once. */
  async prepare(shim: Pick<Shim, "reaper" | "epoll">, whose: Logged): Promise<void> {
    if (!isProgram(this.paths.stdout)) return;
    const stdout = this.#take("stdout");
    const stderr = this.#ours.stderr === undefined ? undefined : this.#take("stderr");
    this.#outputs.push(await startLogProgram(shim, this.paths.stdout, { stdout, stderr }, whose));
  }

  /** Starts copying. The process has its ends; ours of those are closed. */
  connect(epoll: Epoll): void {
    this.#closeTheirs();
    this.#terminal?.connect(epoll);
    const { stdin, stdout, stderr } = this.#ours;
    if (stdin !== undefined && this.paths.stdin) {
      this.#input = new Input(epoll, this.paths.stdin, this.#take("stdin"));
    }
    if (stdout !== undefined) {
      const target = this.paths.stdout || "file:///dev/null";
      this.#outputs.push(copyOutput(epoll, this.#take("stdout"), { target, stream: "stdout" }));
    }
    if (stderr !== undefined) {
      const target = this.paths.stderr;
      this.#outputs.push(copyOutput(epoll, this.#take("stderr"), { target, stream: "stderr" }));
    }
  }

  /** What runc is told so that it sends the terminal. */
  get runcArgs(): string[] {
    return this.#terminal ? ["--console-socket", this.#terminal.socket] : [];
  }

  /** Sets the terminal's size; nothing without one. */
  resize(size: { width: number; height: number }): void {
    this.#terminal?.resize(size);
  }

  /** CloseIO: the process sees the end of its input when the client's writers are gone. */
  closeStdin(): void {
    this.#input?.finish();
  }

  /** Whether clients are there that have not read all output until now. */
  get unread(): boolean {
    return this.#outputs.some(({ unread }) => unread);
  }

  /** Waits until all output was passed on, at most `limit` milliseconds. */
  async drain(limit: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, limit));
    await Promise.race([late, Promise.all(this.#outputs.map((output) => output.done))]);
    clearTimeout(timer);
  }

  [Symbol.dispose](): void {
    this.#closeTheirs();
    this.#input?.close();
    this.#terminal?.[Symbol.dispose]();
    for (const output of this.#outputs) output.close();
    for (const name of ["stdin", "stdout", "stderr"] as const) {
      if (this.#ours[name] !== undefined) closeDescriptor(this.#take(name));
    }
  }

  #inward(): number {
    if (!this.paths.stdin) return nothing();
    const { read, write } = pipe();
    this.#ours.stdin = write;
    return read;
  }

  #outward(name: "stdout" | "stderr"): number {
    if (!this.paths[name]) return nothing();
    const { read, write } = pipe();
    this.#ours[name] = read;
    return write;
  }

  #take(name: "stdin" | "stdout" | "stderr"): number {
    const fd = this.#ours[name]!;
    delete this.#ours[name];
    return fd;
  }

  #closeTheirs(): void {
    if (this.#theirsClosed) return;
    this.#theirsClosed = true;
    for (const fd of this.descriptors) closeDescriptor(fd);
  }
}
