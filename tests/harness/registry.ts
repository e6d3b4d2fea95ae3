/** A real registry (docker-registry) on a free port of the loopback, private to a test. */
import { must } from "./command.ts";
import type { Certificate } from "./certificates.ts";
import { Scratch } from "./scratch.ts";
import { Server } from "./server.ts";

export interface RegistryOptions {
  /** Basic authentication with this one user. */
  user?: { name: string; password: string };
  /** Where it keeps its blobs. */
  where?: "disk" | "shm";
  /** Speaks https with this certificate. */
  tls?: Certificate & {
    /** Only with clients whose certificate is of the authority in this file. */
    clientCa?: string;
  };
  /** Wants tokens of this server, signed with the key of the certificate in the file `bundle`. */
  token?: { realm: string; issuer: string; service: string; bundle: string };
  /** The directory of another registry's blobs, to have the same images. */
  data?: string;
  /** Takes images of Docker's first format too. */
  schema1?: boolean;
}

export class Registry implements AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Where it keeps blobs, for tests that damage them. */
  readonly data: string;
  readonly #scratch: Scratch;
  readonly #server: Server;

  private constructor(scratch: Scratch, server: Server, data: string) {
    this.#scratch = scratch;
    this.data = data;
    this.#server = server;
    this.host = hostIn(server.log())!;
  }

  static async start(options: RegistryOptions = {}): Promise<Registry> {
    const scratch = await Scratch.make(options.where);
    const data = options.data ?? scratch.join("data");
    await Deno.mkdir(data, { recursive: true });
    if (options.user) await writeUser(scratch.join("htpasswd"), options.user);
    await Deno.writeTextFile(scratch.join("config.yml"), config(scratch, data, options));
    const server = await Server.start({
      command: "docker-registry",
      args: ["serve", scratch.join("config.yml")],
      log: scratch.join("registry.log"),
      ready: (log) => hostIn(log) !== undefined,
    });
    return new Registry(scratch, server, data);
  }

  /** The requests so far, as "GET /v2/...", oldest first. */
  requests(): string[] {
    return [...this.#server.log().matchAll(/"(\w+ \/v2\/\S*) HTTP\/\d\.\d" \d+/g)].map((match) => match[1]!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
    await this.#scratch[Symbol.asyncDispose]();
  }
}

/** Starts one. */
export const startRegistry = (options?: RegistryOptions) => Registry.start(options);

function hostIn(log: string): string | undefined {
  return /listening on (127\.0\.0\.1:\d+)/.exec(log)?.[1];
}

async function writeUser(path: string, user: { name: string; password: string }): Promise<void> {
  // htpasswd -B is in apache2-utils; python's crypt knows bcrypt too, and is everywhere on Debian.
  // The registry hashes with every request: as few rounds as there can be.
  const script =
    "import crypt,sys; print(sys.argv[1]+':'+crypt.crypt(sys.argv[2], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))";
  await Deno.writeTextFile(
    path,
    await must("python3", ["-W", "ignore", "-c", script, user.name, user.password]),
  );
}

function config(scratch: Scratch, data: string, { user, tls, token, schema1 }: RegistryOptions): string {
  const clients = tls?.clientCa ? `, clientcas: [${tls.clientCa}]` : "";
  const secure = tls ? `, tls: {certificate: ${tls.cert}, key: ${tls.key}${clients}}` : "";
  const auth = user
    ? `auth: {htpasswd: {realm: test, path: ${scratch.join("htpasswd")}}}`
    : token
    ? `auth: {token: {realm: "${token.realm}", service: ${token.service}, issuer: ${token.issuer}, ` +
      `rootcertbundle: ${token.bundle}}}`
    : "";
  return `version: 0.1
log: {level: info, accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: ${data}}, delete: {enabled: true}}
http: {addr: "127.0.0.1:0"${secure}}
${auth}
${schema1 ? "compatibility: {schema1: {enabled: true}}" : ""}
`;
}
