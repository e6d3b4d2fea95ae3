/** A real registry (docker-registry) on a free port of the loopback, private to a test. */
import { must } from "./command.ts";
import { Scratch } from "./scratch.ts";
import { Server } from "./server.ts";

export interface RegistryOptions {
  /** Basic authentication with this one user. */
  user?: { name: string; password: string };
  /** Where it keeps its blobs. */
  where?: "disk" | "shm";
  /** Takes images of Docker's first format too. */
  schema1?: boolean;
}

export class Registry implements AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly #scratch: Scratch;
  readonly #server: Server;

  private constructor(scratch: Scratch, server: Server) {
    this.#scratch = scratch;
    this.#server = server;
    this.host = hostIn(server.log())!;
  }

  static async start(options: RegistryOptions = {}): Promise<Registry> {
    const scratch = await Scratch.make(options.where);
    await Deno.mkdir(scratch.join("data"));
    if (options.user) await writeUser(scratch.join("htpasswd"), options.user);
    await Deno.writeTextFile(scratch.join("config.yml"), config(scratch, options));
    const server = await Server.start({
      command: "docker-registry",
      args: ["serve", scratch.join("config.yml")],
      log: scratch.join("registry.log"),
      ready: (log) => hostIn(log) !== undefined,
    });
    return new Registry(scratch, server);
  }

  /** The requests so far, as "GET /v2/...", oldest first. */
  requests(): string[] {
    return [...this.#server.log().matchAll(/"(\w+ \/v2\/\S*) HTTP\/1\.1" \d+/g)].map((match) => match[1]!);
  }

  /** Where it keeps blobs, for tests that damage them. */
  get data(): string {
    return this.#scratch.join("data");
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
  const script =
    "import crypt,sys; print(sys.argv[1]+':'+crypt.crypt(sys.argv[2], crypt.mksalt(crypt.METHOD_BLOWFISH)))";
  await Deno.writeTextFile(
    path,
    await must("python3", ["-W", "ignore", "-c", script, user.name, user.password]),
  );
}

function config(scratch: Scratch, options: RegistryOptions): string {
  const auth = options.user ? `auth: {htpasswd: {realm: test, path: ${scratch.join("htpasswd")}}}` : "";
  return `version: 0.1
log: {level: info, accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: ${scratch.join("data")}}, delete: {enabled: true}}
http: {addr: "127.0.0.1:0"}
${auth}
${options.schema1 ? "compatibility: {schema1: {enabled: true}}" : ""}
`;
}
