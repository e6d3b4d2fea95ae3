/**
 * Docker's `config.json`: who somebody is to which registry, or which helper program knows. Sources: docker's
 * documentation of `docker login`, and docker/cli's cli/config.
 */
import { invalidArgument, messageOf } from "../errors.ts";
import type { Credentials } from "./authorizer.ts";
import { askHelper } from "./credential_helper.ts";

/** What a config.json holds of registries; the rest of it is kept as it is when it is written. */
export interface DockerConfig {
  readonly path: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** Credentials, and who had them: "/root/.docker/config.json", "docker-credential-pass". */
export interface FoundCredentials {
  readonly credentials: Credentials;
  readonly from: string;
}

const LARGEST = 4 * 1024 * 1024;
/** What docker calls its own registry. */
const hub = "https://index.docker.io/v1/";
const hubNames = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/** Where docker would look. Empty if there is no home. */
export function dockerConfigPath(): string {
  const dir = Deno.env.get("DOCKER_CONFIG");
  if (dir) return `${dir}/config.json`;
  const home = Deno.env.get("HOME");
  return home ? `${home}/.docker/config.json` : "";
}

/** Reads one; an empty one if there is none. Throws InvalidArgument, without a word of what is in it. */
export async function readDockerConfig(path = dockerConfigPath()): Promise<DockerConfig> {
  const text = await textOf(path);
  if (text.trim() === "") return { path, json: {} };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalidArgument(`${path} is not JSON`);
  }
  if (!isTable(json)) throw invalidArgument(`${path} is not a JSON object`);
  return { path, json };
}

async function textOf(path: string): Promise<string> {
  if (!path) return "";
  try {
    const { size, isFile } = await Deno.stat(path);
    if (!isFile || size > LARGEST) throw new Error("is no configuration file");
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw invalidArgument(`cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Who somebody is to the registry `host` (`registry.test:5000`, `docker.io`): its helper knows, or the file does.
 * Throws what a helper's failure is.
 */
export async function findCredentials(
  config: DockerConfig,
  host: string,
): Promise<FoundCredentials | undefined> {
  const helper = helperFor(config, host);
  if (helper) {
    const credentials = await askHelper(helper, keyFor(config, host));
    if (credentials) return { credentials, from: `docker-credential-${helper}` };
  }
  for (const key of keysFor(config, host)) {
    const entry = table(config, "auths")[key];
    const credentials = isTable(entry) ? credentialsOf(entry, `${config.path}: ${key}`) : undefined;
    if (credentials) return { credentials, from: config.path };
  }
  return undefined;
}

/** The name of the helper that a config names for a registry; undefined if it names none. */
export function helperFor(config: DockerConfig, host: string): string | undefined {
  const own = Object.entries(table(config, "credHelpers")).find(([key]) => isFor(key, host))?.[1];
  const name = own ?? config.json.credsStore;
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** The key that a registry's entry has, or will have. */
export function keyFor(config: DockerConfig, host: string): string {
  return keysFor(config, host)[0] ?? (hubNames.includes(host) ? hub : host);
}

/** The keys of a registry's entries: its own name first, then those with a scheme or a path. */
export function keysFor(config: DockerConfig, host: string): string[] {
  const own = hubNames.includes(host) ? hub : host;
  const keys = Object.keys(table(config, "auths")).filter((key) => isFor(key, host));
  return keys.sort((one, other) => Number(other === own) - Number(one === own));
}

/** Keys are hosts, with a scheme before or a path behind, or without. */
function isFor(key: string, host: string): boolean {
  const name = key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  return name === host || hubNames.includes(host) && hubNames.includes(name);
}

/** A table of a config; an empty one where there is none. */
export function table({ json, path }: DockerConfig, name: string): Readonly<Record<string, unknown>> {
  const found = json[name] ?? {};
  if (!isTable(found)) throw invalidArgument(`${path}: ${name} is not an object`);
  return found;
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An entry of `auths`. One without a secret only tells that a helper has it. */
function credentialsOf(entry: Record<string, unknown>, what: string): Credentials | undefined {
  const text = (name: string) => typeof entry[name] === "string" ? entry[name] as string : "";
  if (text("registrytoken")) return { header: `Bearer ${text("registrytoken")}` };
  if (text("identitytoken")) return { refreshToken: text("identitytoken") };
  if (text("auth")) return userOf(text("auth"), what);
  return text("username") ? { username: text("username"), secret: text("password") } : undefined;
}

/** Base64 of `user:password`. */
function userOf(auth: string, what: string): Credentials {
  let pair: string;
  try {
    pair = new TextDecoder("utf-8", { fatal: true }).decode(
      Uint8Array.from(atob(auth.trim()), (char) => char.charCodeAt(0)),
    );
  } catch {
    throw invalidArgument(`${what}: auth is not base64`);
  }
  const colon = pair.indexOf(":");
  if (colon <= 0) throw invalidArgument(`${what}: auth is not a user and a password`);
  return { username: pair.slice(0, colon), secret: pair.slice(colon + 1).replace(/\0+$/, "") };
}
