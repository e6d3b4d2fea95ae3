/** `ctr login` */
import { Code, CtrError } from "../errors.ts";
import { type Call, type Flags, usageError } from "./command.ts";
import { print } from "./output/print.ts";
import { logOf } from "./registry/access.ts";
import { registryHost } from "./registry/host.ts";
import { knower } from "./registry/daemon.ts";
import { absolutePath, connectionOf, hostsWith } from "./registry/tls.ts";

export async function run(call: Call): Promise<void> {
  const host = registryHost(call);
  const { flags, globals } = call;
  const credentials = await typedCredentials(flags);
  await using asked = await knower(call);
  const named = absolutePath(flags.text("hosts-dir"));
  const { dirs } = await asked.ask({ host: "", hostsDir: named, plainHttp: false });
  const how = { dirs, connection: await connectionOf(flags), plainHttp: flags.on("plain-http") };
  const { ping, saveLogin } = await import("../remotes/mod.ts");
  // The last one is the registry; the mirrors before it are others' to log in to.
  const registry = (await hostsWith(how, host)).at(-1)!;
  const { error, advice, schemes, status } = await ping(registry, () => credentials, {
    signal: globals.signal,
    log: logOf(flags),
  });
  if (error) {
    const code = status === 401 ? Code.Unauthenticated : status ? Code.FailedPrecondition : Code.Unavailable;
    throw new CtrError(code, `not logged in to ${host}: ${status === 401 ? error : `${error}; ${advice}`}`);
  }
  const where = await saveLogin(host, credentials);
  if (schemes.length === 0) print(`${host} asks nobody who they are\n`);
  print(`logged in to ${host} as ${credentials.username} (kept in ${where})\n`);
}

async function typedCredentials(flags: Flags): Promise<{ username: string; secret: string }> {
  const { askName, askPassword } = await import("./registry/password.ts");
  const fromInput = flags.on("password-stdin");
  if (fromInput && !flags.text("user")) throw usageError("--password-stdin needs --user");
  const username = flags.text("user") || askName("User: ");
  if (username.includes(":")) throw usageError("a user name has no colon in it; the password is asked for");
  const secret = fromInput ? await wholeInput() : askPassword(username);
  if (!secret) throw usageError("the password is empty");
  return { username, secret };
}

/** Standard input without the end of its last line. */
async function wholeInput(): Promise<string> {
  const text = await new Response(Deno.stdin.readable).text();
  return text.replace(/\r?\n$/, "");
}
