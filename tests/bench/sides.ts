/** The two daemons of a comparison, roots in memory, and what each is driven by. */
import {
  type Containerd,
  ctrPath,
  type Longshore,
  must,
  startContainerd,
  startLongshore,
} from "../harness/mod.ts";
import type { Side } from "./rows.ts";

export class Sides implements AsyncDisposable {
  readonly ours: Longshore;
  readonly theirs: Containerd;

  private constructor(ours: Longshore, theirs: Containerd) {
    this.ours = ours;
    this.theirs = theirs;
  }

  /** Starts both; `env` is added to our daemon's environment. */
  static async start(env?: Record<string, string>): Promise<Sides> {
    const theirs = await startContainerd("shm");
    try {
      return new Sides(await startLongshore({ where: "shm", env }), theirs);
    } catch (error) {
      await theirs[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A side's own ctr with its daemon's address: our program, or Go's. */
  command(side: Side): string[] {
    return side === "ours" ? [ctrPath, "--address", this.ours.address] : this.#goCommand(side);
  }

  #goCommand(side: Side): string[] {
    return ["/usr/bin/ctr", "--address", this[side].address];
  }

  /** Runs a side's own ctr, which must succeed. */
  ctr(side: Side, ...args: string[]): Promise<string> {
    const [program = "", ...rest] = this.command(side);
    return must(program, [...rest, ...args], { timeout: 120_000 });
  }

  /** Runs a script of sh that calls a side's ctr as "$@". */
  async script(side: Side, text: string, env?: Record<string, string>): Promise<void> {
    await must("sh", ["-ec", text, "sh", ...this.command(side)], { env, timeout: 120_000 });
  }

  /** The same with Go's ctr, whichever the side. */
  async goScript(side: Side, text: string): Promise<void> {
    await must("sh", ["-ec", text, "sh", ...this.#goCommand(side)], { timeout: 120_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ours[Symbol.asyncDispose]();
    await this.theirs[Symbol.asyncDispose]();
  }
}
