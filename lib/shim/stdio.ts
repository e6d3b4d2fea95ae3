/** The three standard streams of one process in a container. */
import { Access, closeDescriptor, type Epoll, openFd, pipe } from "../sys/mod.ts";
import { Input } from "./input.ts";
import { checkTarget, copyOutput, type Output } from "./output.ts";

/** Where the streams lead: paths of FIFOs, `file://` URIs for output, or empty for none. */
export interface StdioPaths {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
}

/** The pipes of one process, made before runc, connected once it has succeeded. */
export class Stdio implements Disposable {
  /** What runc gets as 0, 1 and 2. */
  readonly descriptors: [number, number, number];
  readonly #ours: { stdin?: number; stdout?: number; stderr?: number } = {};
  readonly #outputs: Output[] = [];
  #input?: Input;
  #theirsClosed = false;

  constructor(readonly paths: StdioPaths) {
    checkTarget(paths.stdout);
    checkTarget(paths.stderr);
    this.descriptors = [this.#inward(), this.#outward("stdout"), this.#outward("stderr")];
  }

  /** Starts copying. The process has its ends; ours of those are closed. */
  connect(epoll: Epoll): void {
    this.#closeTheirs();
    const { stdin, stdout, stderr } = this.#ours;
    if (stdin !== undefined) this.#input = new Input(epoll, this.paths.stdin, this.#take("stdin"));
    if (stdout !== undefined) this.#outputs.push(copyOutput(epoll, this.#take("stdout"), this.paths.stdout));
    if (stderr !== undefined) this.#outputs.push(copyOutput(epoll, this.#take("stderr"), this.paths.stderr));
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
    for (const output of this.#outputs) output.close();
    for (const name of ["stdin", "stdout", "stderr"] as const) {
      if (this.#ours[name] !== undefined) closeDescriptor(this.#take(name));
    }
  }

  #inward(): number {
    if (!this.paths.stdin) return openFd("/dev/null", Access.READ);
    const { read, write } = pipe();
    this.#ours.stdin = write;
    return read;
  }

  #outward(name: "stdout" | "stderr"): number {
    if (!this.paths[name]) return openFd("/dev/null", Access.WRITE);
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
