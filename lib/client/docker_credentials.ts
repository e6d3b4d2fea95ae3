/** Who docker's config.json, and the helpers that it names, say that somebody is. */
import type { Credentials as RemoteCredentials, DockerConfig } from "../remotes/mod.ts";
import type { Credentials, CredentialsSource } from "./transfer.ts";

export interface DockerCredentialsOptions {
  /** The config.json; where docker would look unless said. */
  readonly path?: string;
  /** Told why credentials could not be read: then there are none, and the registry is asked without. */
  readonly onProblem?: (host: string, error: unknown) => void;
}

/**
 * Credentials as docker has them. The file is read when a registry first asks.
 *
 * @example
 * ```ts
 * await client.pull("registry.example/app:1", { credentials: dockerCredentials() });
 * ```
 */
export function dockerCredentials({ path, onProblem }: DockerCredentialsOptions = {}): CredentialsSource {
  let config: Promise<DockerConfig> | undefined;
  return async (host) => {
    const { findCredentials, readDockerConfig } = await import("../remotes/mod.ts");
    try {
      config ??= readDockerConfig(path);
      return said((await findCredentials(await config, host))?.credentials);
    } catch (error) {
      if (!onProblem) throw error;
      onProblem(host, error);
      return undefined;
    }
  };
}

/** Credentials in the words of this room. */
export function said(credentials: RemoteCredentials | undefined): Credentials | undefined {
  if (!credentials) return undefined;
  const { header, refreshToken, username = "", secret = "" } = credentials;
  if (header !== undefined) return { header };
  return refreshToken !== undefined ? { refresh: refreshToken } : { user: username, password: secret };
}
