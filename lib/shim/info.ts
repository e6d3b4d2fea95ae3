/** What the shim says of itself as a runtime: its version, and what the runc that it calls can do. */
import type { Any } from "../api/google/protobuf/any.ts";
import { RuntimeInfo } from "../api/types/introspection.ts";
import { Options } from "../api/types/runc/options/oci.ts";
import { Code, CtrError, invalidArgument, messageOf, notFound } from "../errors.ts";
import { nameOf } from "../rpc/any.ts";
import { complete } from "../rpc/service.ts";
import { revision, version } from "../version.ts";

/** The runtime spec's features.md, as `runc features` prints it. */
const featuresUrl = "types.containerd.io/opencontainers/runtime-spec/1/features/Features";
const optionsName = "containerd.runc.v1.Options";

/**
 * Of the runtime `name` with these options (runc's; none is fine). A runc that doesn't tell its features has none to
 * show. Throws NotFound without a runc, InvalidArgument for options of another runtime.
 */
export async function ownRuntimeInfo(name: string, options: Any | undefined): Promise<RuntimeInfo> {
  if (options?.typeUrl && nameOf(options.typeUrl) !== optionsName) {
    throw invalidArgument(`runtime ${name} takes ${optionsName}, not ${nameOf(options.typeUrl)}`);
  }
  const { binaryName } = Options.decode(options?.value ?? new Uint8Array());
  return complete(RuntimeInfo, {
    name,
    version: { version, revision },
    options: options?.typeUrl ? options : undefined,
    features: await featuresOf(binaryName || "runc"),
  });
}

async function featuresOf(binary: string): Promise<Any | undefined> {
  const printed = await outputOf(binary);
  if (printed === undefined) return undefined;
  try {
    const features: unknown = JSON.parse(printed);
    if (typeof features !== "object" || features === null) return undefined;
    return { typeUrl: featuresUrl, value: new TextEncoder().encode(JSON.stringify(features)) };
  } catch {
    return undefined;
  }
}

/** Undefined for one that doesn't know the command. */
async function outputOf(binary: string): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(binary, {
      args: ["features"],
      stdin: "null",
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw notFound(`${binary} is not there: ${messageOf(error)}`);
    throw new CtrError(Code.Unknown, `${binary}: ${messageOf(error)}`, { cause: error });
  }
}
