/** Logins are kept where docker keeps them: in its config.json, or with the helper that this names. */
import { messageOf, unavailable } from "../errors.ts";
import type { Credentials } from "./authorizer.ts";
import { eraseFromHelper, storeInHelper } from "./credential_helper.ts";
import {
  type DockerConfig,
  dockerConfigPath,
  helperFor,
  keyFor,
  keysFor,
  readDockerConfig,
  table,
} from "./docker_config.ts";

/** Keeps credentials for a registry; gives where. An entry without them says in the file that a helper has them. */
export function saveLogin(
  host: string,
  credentials: Credentials,
  path = dockerConfigPath(),
): Promise<string> {
  return changing(path, async (config) => {
    const key = keyFor(config, host);
    const helper = helperFor(config, host);
    if (helper) await storeInHelper(helper, key, credentials);
    await write(config, { ...table(config, "auths"), [key]: helper ? {} : entryOf(credentials) });
    return helper ? `docker-credential-${helper}` : config.path;
  });
}

/** Forgets a registry; gives where its credentials were, undefined if nowhere. */
export async function removeLogin(host: string, path = dockerConfigPath()): Promise<string | undefined> {
  if (!path || !await Deno.stat(path).then(() => true, () => false)) return undefined;
  return await changing(path, async (config) => {
    const keys = keysFor(config, host);
    const helper = helperFor(config, host);
    for (const key of helper ? new Set([keyFor(config, host), ...keys]) : []) {
      await eraseFromHelper(helper!, key);
    }
    if (keys.length === 0) return undefined;
    const kept = Object.entries(table(config, "auths")).filter(([key]) => !keys.includes(key));
    await write(config, Object.fromEntries(kept));
    return helper ? `docker-credential-${helper}` : config.path;
  });
}

function entryOf({ username, secret, refreshToken }: Credentials): Record<string, string> {
  if (refreshToken) return { identitytoken: refreshToken };
  const bytes = new TextEncoder().encode(`${username}:${secret}`);
  return { auth: btoa(String.fromCharCode(...bytes)) };
}

/** Two who log in at the same time both stay logged in. */
async function changing<T>(path: string, work: (config: DockerConfig) => Promise<T>): Promise<T> {
  if (!path) throw unavailable("no place for logins: neither DOCKER_CONFIG nor HOME is set");
  const dir = path.slice(0, path.lastIndexOf("/")) || "/";
  try {
    await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
    using lock = await Deno.open(dir);
    await lock.lock(true);
    // A link to the file stays one.
    const real = await Deno.realPath(path).catch(() => path);
    return await work(await readDockerConfig(real));
  } catch (error) {
    if (!isFault(error)) throw error;
    throw unavailable(`cannot keep logins in ${path}: ${messageOf(error)}`, { cause: error });
  }
}

const isFault = (error: unknown) =>
  error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotADirectory ||
  /os error/.test(messageOf(error));

/** In one step: whoever reads has the old file or the new one. Its owner stays who it was. */
async function write({ path, json }: DockerConfig, auths: Record<string, unknown>): Promise<void> {
  const temporary = await Deno.makeTempFile({
    dir: path.slice(0, path.lastIndexOf("/")),
    prefix: ".config.json.",
  });
  try {
    await Deno.chmod(temporary, 0o600);
    const before = await Deno.stat(path).catch(() => undefined);
    if (before && before.uid !== Deno.uid()) await Deno.chown(temporary, before.uid, before.gid);
    using file = await Deno.open(temporary, { write: true });
    const bytes = new TextEncoder().encode(JSON.stringify({ ...json, auths }, null, "\t") + "\n");
    for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
    await file.sync();
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}
