/** The same commands by Go's ctr on Debian's containerd and on our daemon, and what of their outcome differs. */
import {
  busyboxImage,
  type CommandOptions,
  type Containerd,
  goCtr,
  type Longshore,
  type Output,
  push,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";

/** One command. */
export interface Step {
  args: string[];
  options?: CommandOptions;
  /** Why the outputs differ by intent: then only the exit codes are compared. */
  differs?: string;
  /** Why even the exit codes differ, by intent: then the command is run and nothing compared. */
  codeDiffers?: string;
}

export const step = (...args: string[]): Step => ({ args });
/** A command whose words differ on purpose, and why. */
export const differs = (reason: string, ...args: string[]): Step => ({ args, differs: reason });
/** A command that reads `stdin`. */
export const fed = (stdin: string, ...args: string[]): Step => ({ args, options: { stdin } });

/** Both daemons with the same image pulled, and the registry that it came from. */
export class Sides implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #id = crypto.randomUUID().slice(0, 8);

  private constructor(
    stack: AsyncDisposableStack,
    readonly theirs: Containerd,
    readonly ours: Longshore,
    /** A busybox image in the registry. */
    readonly image: string,
  ) {
    this.#stack = stack;
  }

  static async start(): Promise<Sides> {
    await using stack = new AsyncDisposableStack();
    const scratch = stack.use(await Scratch.make("shm"));
    const registry = stack.use(await startRegistry({ where: "shm" }));
    const image = await push(await busyboxImage(scratch), registry, "busybox:1");
    const theirs = stack.use(await startContainerd("shm"));
    const ours = stack.use(await startLongshore({ where: "shm" }));
    return new Sides(stack.move(), theirs, ours, image);
  }

  /** Runs a command on both, theirs first in the answer. */
  both(args: string[], options?: CommandOptions): Promise<[Output, Output]> {
    // A namespace names cgroups, and directories of runc's that all of Debian's containerds share.
    const inSide = (side: "a" | "b") => {
      const env = { ...options?.env, CONTAINERD_NAMESPACE: `side-${side}-${this.#id}` };
      return { ...options, env };
    };
    return Promise.all([
      goCtr(this.theirs.address, args, inSide("a")),
      goCtr(this.ours.address, args, inSide("b")),
    ]);
  }

  /** Runs the steps one after another; a description of each that came out differently. */
  async compare(steps: Step[]): Promise<string[]> {
    const differences: string[] = [];
    for (const { args, options, differs, codeDiffers } of steps) {
      const [theirs, ours] = await this.both(args, options);
      if (codeDiffers) continue;
      const show = (output: Output) => differs ? `exit ${output.code}` : shown(output);
      if (show(theirs) === show(ours)) continue;
      differences.push(
        `ctr ${args.join(" ")}\n--- containerd\n${shown(theirs)}\n+++ longshore\n${shown(ours)}\n`,
      );
    }
    return differences;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

/** An outcome without what differs by nature: times, process ids, directories, the order of labels. */
function shown({ code, stdout, stderr }: Output): string {
  return [`exit ${code}`, normalise(stdout), normalise(stderr)].filter((part) => part).join("\n");
}

function normalise(text: string): string {
  return text
    .replaceAll(/\bside-[ab]-[0-9a-f]{8}\b/g, "NAMESPACE")
    .replaceAll(/^time="[^\n]*\n/gm, "")
    .replaceAll(/^.*elapsed: .*\n?/gm, "")
    .replaceAll(
      /^(unpacking .*|done: .*|\S+: +(resolving|resolved|waiting|downloading|done|exists) .*)\n?/gm,
      "",
    )
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, "TIME")
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000 UTC/g, "TIME")
    .replaceAll(/\b(\d+ )?(less than a second|seconds?|About a minute|minutes?)( ago)?\b/gi, "AGE")
    .replaceAll(/[^\s=,"]+\/snapshots\/(overlayfs\/)?\d+\/(fs|work)\b/g, "DIR/$2")
    .replaceAll(/^(\S+ +)\d+( +(RUNNING|STOPPED|CREATED|PAUSED))/gm, "$1PID$2")
    .replaceAll(/^\d+( +-)$/gm, "PID$1")
    .replaceAll(/\S+=\S+(,\S+=\S+)+/g, (labels) => labels.split(",").sort().join(","))
    .replaceAll(/ +/g, " ").trimEnd();
}
