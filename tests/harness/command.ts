/** Runs programs as a user would, and shows what they said when they fail. */

/** What a program left behind. */
export interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  env?: Record<string, string>;
  cwd?: string;
  stdin?: string | Uint8Array<ArrayBuffer>;
  /** Milliseconds until the program is killed; a minute unless said. */
  timeout?: number;
}

/** Runs a program to its end, whatever its exit code. */
export async function run(command: string, args: string[], options: CommandOptions = {}): Promise<Output> {
  const child = new Deno.Command(command, {
    args,
    env: options.env,
    cwd: options.cwd,
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(options.timeout ?? 60_000),
  }).spawn();
  const feeding = options.stdin === undefined ? undefined : feed(child.stdin, options.stdin);
  const { code, stdout, stderr } = await child.output();
  await feeding;
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs a program that must succeed; gives its standard output. */
export async function must(command: string, args: string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} exited with ${code}:\n${stderr}${stdout}`);
  return stdout;
}

/**
 * What a script of the tests prints, as JSON, when it runs in a process of its own: what a process has as a whole (its
 * children, descriptors, memory, environment) belongs to all tests that run beside each other.
 */
export async function runAlone(script: URL, args: string[] = [], options: CommandOptions = {}) {
  const words = ["run", "-A", "--quiet", "--no-check", script.pathname, ...args];
  return JSON.parse(await must(Deno.execPath(), words, options));
}

async function feed(
  stdin: WritableStream<Uint8Array>,
  data: string | Uint8Array<ArrayBuffer>,
): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(typeof data === "string" ? new TextEncoder().encode(data) : data);
    await writer.close();
  } catch (error) {
    // A program may end without reading all of its input.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
