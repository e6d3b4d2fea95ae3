/** `ctr version` */
import { Empty } from "../api/google/protobuf/empty.ts";
import { IntrospectionDefinition } from "../api/services/introspection/v1/introspection.ts";
import { VersionDefinition } from "../api/services/version/v1/version.ts";
import { Code, isError } from "../errors.ts";
import { revision, version } from "../version.ts";
import type { Call } from "./command.ts";
import { connect, type Daemon } from "./connect.ts";
import { print, printError } from "./output/print.ts";

export async function run(call: Call): Promise<void> {
  print(`Client:\n  Version:  ${version}\n  Revision: ${revision}\n  Deno version: ${Deno.version.deno}\n\n`);
  await using daemon = await connect(call);
  const [server, uuid] = await Promise.all([
    daemon.stub(VersionDefinition).version(Empty.decode(new Uint8Array())),
    uuidOf(daemon),
  ]);
  print(`Server:\n  Version:  ${server.version}\n  Revision: ${server.revision}\n`);
  if (uuid) print(`  UUID: ${uuid}\n`);
  if (server.version !== version) printError("WARNING: version mismatch\n");
  if (server.revision !== revision) printError("WARNING: revision mismatch\n");
}

/** Daemons older than 1.3 have no UUID. */
async function uuidOf(daemon: Daemon): Promise<string> {
  try {
    return (await daemon.stub(IntrospectionDefinition).server({})).uuid;
  } catch (error) {
    if (isError(error, Code.Unimplemented)) return "";
    throw error;
  }
}
