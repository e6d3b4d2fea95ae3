/**
 * Programs that keep credentials: `docker-credential-NAME get|store|erase`, a registry's name or JSON on standard
 * input, JSON on standard output. Source: docker/docker-credential-helpers, README.
 */
import { type CtrError, failedPrecondition, invalidArgument, messageOf, unavailable } from "../errors.ts";
import type { Credentials } from "./authorizer.ts";

/** Milliseconds that a helper has; some ask their user. */
const PATIENCE = 30_000;
const MOST_OUTPUT = 256 * 1024;
/** The user name of those whose secret is an identity token. */
const TOKEN = "<token>";
/** How helpers say that they know nothing, which is no error. */
const unknown = /credentials not found/i;

/** How helpers are run; tests have less patience. */
export interface HelperOptions {
  /** Milliseconds. */
  readonly patience?: number;
}

/**
 * The credentials that a helper has for `server`; undefined if it has none. Throws FailedPrecondition, with the
 * helper's own words, Unavailable if it takes too long or is not there.
 */
export async function askHelper(
  name: string,
  server: string,
  options?: HelperOptions,
): Promise<Credentials | undefined> {
  const { success, output } = await runHelper(name, "get", server, options);
  if (!success && unknown.test(output)) return undefined;
  if (!success) throw failed(name, "get", output);
  const { Username, Secret } = answerOf(name, output);
  if (typeof Secret !== "string" || typeof Username !== "string") {
    throw failedPrecondition(`${programOf(name)}: its answer for ${server} lacks Username or Secret`);
  }
  if (Secret === "") return undefined;
  return Username === TOKEN ? { refreshToken: Secret } : { username: Username, secret: Secret };
}

/** Gives a helper credentials to keep. */
export async function storeInHelper(
  name: string,
  server: string,
  { username, secret, refreshToken }: Credentials,
) {
  const user = refreshToken ? TOKEN : username;
  const input = JSON.stringify({ ServerURL: server, Username: user, Secret: refreshToken ?? secret });
  const { success, output } = await runHelper(name, "store", input);
  if (!success) throw failed(name, "store", output);
}

/** Makes a helper forget; that it knows nothing is no error. */
export async function eraseFromHelper(name: string, server: string): Promise<void> {
  const { success, output } = await runHelper(name, "erase", server);
  if (!success && !unknown.test(output)) throw failed(name, "erase", output);
}

const programOf = (name: string) => `docker-credential-${name}`;

function failed(name: string, action: string, output: string): CtrError {
  const words = output.trim().replace(/\s+/g, " ").slice(0, 300) || "it said nothing";
  return failedPrecondition(`${programOf(name)} ${action}: ${words}`);
}

function answerOf(name: string, output: string): Record<string, unknown> {
  try {
    const answer = JSON.parse(output);
    if (typeof answer === "object" && answer !== null) return answer;
  } catch {
    // The parser's words have parts of the output in them, which may be a secret.
  }
  throw failedPrecondition(`${programOf(name)}: its answer is not JSON`);
}

async function runHelper(
  name: string,
  action: string,
  input: string,
  { patience = PATIENCE }: HelperOptions = {},
): Promise<{ success: boolean; output: string }> {
  // The name comes from a file: it must not lead out of PATH.
  if (!/^[\w.-]+$/.test(name)) {
    throw invalidArgument(`${JSON.stringify(name)} is no name of a credential helper`);
  }
  await using child = spawn(name, action);
  const overdue = new AbortController();
  const timer = setTimeout(() => {
    overdue.abort();
    kill(child);
  }, patience);
  try {
    const feeding = feed(child.stdin, input);
    const output = await collect(child, name, overdue.signal);
    const { success } = await child.status;
    await feeding;
    if (overdue.signal.aborted) {
      throw unavailable(`${programOf(name)} ${action}: no answer within ${patience} ms`);
    }
    return { success, output };
  } finally {
    clearTimeout(timer);
    kill(child);
  }
}

function spawn(name: string, action: string): Deno.ChildProcess {
  try {
    return new Deno.Command(programOf(name), {
      args: [action],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    })
      .spawn();
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "is not on PATH" : messageOf(error);
    throw unavailable(`credential helper ${programOf(name)} ${why}`, { cause: error });
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}

/** A helper may end without reading. */
async function feed(stdin: WritableStream<Uint8Array>, input: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  } catch {
    await writer.abort().catch(() => {});
  }
}

/** What it prints. Nobody waits for those that it has started, who may keep its output open, once it is overdue. */
async function collect(child: Deno.ChildProcess, name: string, overdue: AbortSignal): Promise<string> {
  const decoder = new TextDecoder();
  const reader = child.stdout.getReader();
  overdue.addEventListener("abort", () => void reader.cancel().catch(() => {}), { once: true });
  let [text, size] = ["", 0];
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length;
    if (size > MOST_OUTPUT) {
      await reader.cancel().catch(() => {});
      throw failedPrecondition(`${programOf(name)}: more than ${MOST_OUTPUT} bytes of output`);
    }
    text += decoder.decode(next.value, { stream: true });
  }
  return text + decoder.decode();
}
