/** Calling a plugin of CNI (SPEC.md, section 2): a program, the configuration on its standard input. */
import { Code, CtrError, failedPrecondition, messageOf } from "../errors.ts";

/** What a container gets of a network: an interface. */
export interface Attachment {
  readonly containerId: string;
  /** Path of the network namespace; empty when it is gone, and there is only to be cleaned up after it. */
  readonly netns: string;
  readonly ifName: string;
}

/** What a plugin says that it has done (SPEC.md, section 5): addresses, interfaces, routes. */
export type PluginResult = Readonly<Record<string, unknown>>;

/** Classes of the errors that plugins number (SPEC.md, "Error"). */
const classes: Record<number, Code> = {
  1: Code.FailedPrecondition,
  2: Code.InvalidArgument,
  3: Code.NotFound,
  4: Code.InvalidArgument,
  6: Code.InvalidArgument,
  7: Code.InvalidArgument,
  11: Code.Unavailable,
  50: Code.Unavailable,
};

/** The program of a plugin. Throws FailedPrecondition if no directory has it. */
export async function findPlugin(type: string, dirs: readonly string[]): Promise<string> {
  for (const dir of dirs) {
    const file = await Deno.stat(`${dir}/${type}`).catch(() => undefined);
    if (file?.isFile) return `${dir}/${type}`;
  }
  throw failedPrecondition(`CNI plugin ${type} is not in ${dirs.join(" or ")} (CNI_PATH names others)`);
}

/**
 * Has a plugin ADD or DEL an attachment; gives its result, undefined where it has none. Throws an error with the
 * plugin's own message and the class of its number.
 */
export async function callPlugin(
  command: "ADD" | "DEL",
  config: { readonly type: string; readonly name: string },
  { containerId, netns, ifName }: Attachment,
  { dirs, signal }: { dirs: readonly string[]; signal?: AbortSignal },
): Promise<PluginResult | undefined> {
  const path = await findPlugin(config.type, dirs);
  const child = new Deno.Command(path, {
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: netns,
      CNI_IFNAME: ifName,
      CNI_PATH: dirs.join(":"),
      CNI_ARGS: "",
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal,
  });
  const what = `CNI plugin ${config.type} (${command}, network ${config.name})`;
  const { code, stdout, stderr } = await outputOf(child, JSON.stringify(config), what);
  if (code !== 0) throw failure(what, stdout, stderr, code);
  if (!stdout.trim()) return undefined;
  const result = objectOf(stdout);
  if (!result) throw new CtrError(Code.Unknown, `${what}: its result is no JSON object: ${short(stdout)}`);
  return result;
}

async function outputOf(command: Deno.Command, input: string, what: string) {
  try {
    const child = command.spawn();
    const writer = child.stdin.getWriter();
    // One that ends without reading tells why on its other streams.
    const fed = writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {});
    const { code, stdout, stderr } = await child.output();
    await fed;
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } catch (error) {
    throw new CtrError(Code.Unknown, `${what}: ${messageOf(error)}`, { cause: error });
  }
}

/** An error as the plugin put it in JSON; else what it wrote. */
function failure(what: string, stdout: string, stderr: string, exit: number): CtrError {
  const { code, msg, details } = objectOf(stdout) ?? {};
  const said = [msg, details].filter((text) => typeof text === "string" && text !== "").join("; ");
  const reason = said || short(stderr) || short(stdout) || `exit status ${exit}`;
  return new CtrError(classes[Number(code)] ?? Code.Unknown, `${what}: ${oneLine(reason)}`);
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const oneLine = (text: string) => text.trim().replace(/\s*\n\s*/g, "; ");
const short = (text: string) => oneLine(text).slice(0, 500);
