/** How a server is connected to: whose certificates it must show, which of ours it is shown. All of it can be cloned. */

/** A file of certificates or keys, and its text. */
export interface PemFile {
  readonly path: string;
  readonly pem: string;
}

/** A client certificate and its key, which may be in the same file. */
export interface ClientCertificate {
  readonly cert: PemFile;
  readonly key: PemFile;
}

/** What is asked of a connection beyond what holds for all of them. */
export interface Connection {
  /** Trusted besides the host's own authorities. */
  readonly ca?: readonly PemFile[];
  /** Shown to the server where it asks: the first that it takes. */
  readonly client?: readonly ClientCertificate[];
  /** Take any certificate. */
  readonly skipVerify?: boolean;
  /** Milliseconds until there must be a connection. */
  readonly dialTimeout?: number;
  /** Speak plain http to a server on this machine that doesn't speak TLS, as containerd does. */
  readonly orPlain?: boolean;
}

/**
 * What holds for a further address, `to`, that a server at `from` names: its storage, its token server. Client
 * certificates are credentials: only servers of the same name see them.
 */
export function connectionTo(
  connection: Connection | undefined,
  from: string,
  to: string,
): Connection | undefined {
  if (!connection || new URL(from).hostname === new URL(to).hostname) return connection;
  const { client: _, ...others } = connection;
  return others;
}

/** Whether it says how TLS is spoken. */
export function wantsTls(connection: Connection | undefined): boolean {
  const { ca, client, skipVerify } = connection ?? {};
  return !!(ca?.length || client?.length || skipVerify !== undefined);
}
