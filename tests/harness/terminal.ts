/** A user at a terminal: runs a program on a pseudo-terminal, types, looks at what it shows. */
import {
  closeDescriptor,
  openTerminal,
  readFd,
  resizeTerminal,
  setNonblocking,
  writeFd,
} from "../../lib/sys/mod.ts";
import { must } from "./command.ts";

export class UserTerminal implements AsyncDisposable {
  readonly #master: number;
  readonly #path: string;
  readonly #decoder = new TextDecoder();
  #child: Deno.ChildProcess | undefined;
  #hungUp = false;
  /** All that was shown so far. */
  shown = "";

  constructor({ width, height }: { width: number; height: number } = { width: 80, height: 24 }) {
    const { master, path } = openTerminal();
    setNonblocking(master);
    this.#master = master;
    this.#path = path;
    this.resize(width, height);
  }

  /** Starts a program that has it as its controlling terminal; one at a time. */
  run(command: string, ...args: string[]): void {
    this.#child = new Deno.Command("sh", {
      args: ["-c", 'exec setsid --ctty "$@" <"$PTY" >"$PTY" 2>&1', "sh", command, ...args],
      env: { PTY: this.#path },
      stdin: "null",
    }).spawn();
  }

  get pid(): number {
    return this.#child!.pid;
  }

  /** Changes its size, which tells the program by SIGWINCH. */
  resize(width: number, height: number): void {
    resizeTerminal(this.#master, { width, height });
  }

  type(text: string): void {
    writeFd(this.#master, new TextEncoder().encode(text));
  }

  /** Waits until something is shown that was not before; gives all that was shown until then, and forgets it. */
  async sees(what: string | RegExp): Promise<string> {
    for (let n = 0; n < 1000; n++) {
      this.#look();
      const found = typeof what === "string" ? what : what.exec(this.shown)?.[0];
      const at = found === undefined ? -1 : this.shown.indexOf(found);
      if (at >= 0) {
        const before = this.shown.slice(0, at + found!.length);
        this.shown = this.shown.slice(before.length);
        return before;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`the terminal has not shown ${what} within 10 s, but:\n${this.shown}`);
  }

  /** The program's exit code, when it has ended. */
  async ended(): Promise<number> {
    let code: number | undefined;
    this.#child!.status.then((status) => code = status.code);
    for (let n = 0; n < 1000 && code === undefined; n++) {
      this.#look();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (code === undefined) {
      throw new Error(`the program has not ended within 10 s; it showed:\n${this.shown}`);
    }
    this.#child = undefined;
    this.#look();
    return code;
  }

  /** Its settings, as stty tells them. */
  async settings(): Promise<string> {
    return await must("stty", ["-F", this.#path, "-a"]);
  }

  /** Takes the terminal away from under the program. */
  hangUp(): void {
    this.#hungUp = true;
    closeDescriptor(this.#master);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hungUp) closeDescriptor(this.#master);
    if (!this.#child) return;
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
  }

  #look(): void {
    if (this.#hungUp) return;
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let count; typeof (count = readFd(this.#master, buffer)) === "number" && count > 0;) {
        this.shown += this.#decoder.decode(buffer.subarray(0, count), { stream: true });
      }
    } catch {
      // EIO: no program has it open.
    }
  }
}
