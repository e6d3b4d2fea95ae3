/** What a runtime says of itself: ours, or one that is a shim of its own (`containerd-shim-NAME-VERSION -info`). */
import { Any } from "../api/google/protobuf/any.ts";
import { RuntimeInfo, type RuntimeRequest } from "../api/types/introspection.ts";
import { Code, CtrError, messageOf } from "../errors.ts";
import { ownRuntimeInfo } from "../shim/mod.ts";
import { shimBinary } from "./runtime_name.ts";

/** Milliseconds that a shim has for its answer. */
const patience = 10_000;

/**
 * The information on the runtime of a name or path, with its options. Throws NotFound if it isn't there, and Unknown
 * with what its shim said if that fails.
 */
export async function runtimeInfo({ runtimePath, options }: RuntimeRequest): Promise<RuntimeInfo> {
  const binary = await shimBinary(runtimePath);
  if (!binary) return await ownRuntimeInfo("io.containerd.runc.v2", options);
  const said = await ask(binary, options?.typeUrl ? Any.encode(options).finish() : new Uint8Array());
  try {
    return RuntimeInfo.decode(said);
  } catch (error) {
    throw new CtrError(Code.Unknown, `${binary} -info: its answer makes no sense: ${messageOf(error)}`);
  }
}

async function ask(binary: string, options: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const failed = (why: string) => new CtrError(Code.Unknown, `failed to run ${binary} -info: ${why}`);
  try {
    const child = new Deno.Command(binary, {
      args: ["-info"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(patience),
    }).spawn();
    const writer = child.stdin.getWriter();
    // One that has no use for options doesn't read them.
    const told = writer.write(options).then(() => writer.close()).catch(() => {});
    const { success, code, stdout, stderr } = await child.output();
    await told;
    if (!success) {
      throw failed(`exit status ${code}: ${new TextDecoder().decode(stderr).trim().slice(0, 500)}`);
    }
    return stdout;
  } catch (error) {
    throw error instanceof CtrError ? error : failed(messageOf(error));
  }
}
