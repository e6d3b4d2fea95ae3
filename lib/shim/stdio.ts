/** The three standard streams of one process in a container. */
import { Access, closeDescriptor, type Epoll, openFd, pipe } from "../sys/mod.ts";
import { Input } from "./input.ts";
import { checkTarget, copyOutput, type Output } from "./output.ts";
import { Terminal } from "./terminal.ts";

/** Where the streams lead: paths of FIFOs, `file://` URIs for output, or empty for none. */
export interface StdioPaths {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
}

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

  /** `state` is the daemon's state directory, for the socket of a terminal. */
  constructor(readonly paths: StdioPaths, state: string) {
    checkTarget(paths.stdout);
    checkTarget(paths.stderr);
    if (paths.terminal) {
      this.#terminal = new Terminal(state);
      this.descriptors = [nothing(), nothing(), nothing()];
      this.#ours = { stdin: this.#terminal.input, stdout: this.#terminal.output };
      return;
    }
    this.descriptors = [this.#inward(), this.#outward("stdout"), this.#outward("stderr")];
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
      this.#outputs.push(copyOutput(epoll, this.#take("stdout"), this.paths.stdout || "file:///dev/null"));
    }
    if (stderr !== undefined) this.#outputs.push(copyOutput(epoll, this.#take("stderr"), this.paths.stderr));
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
