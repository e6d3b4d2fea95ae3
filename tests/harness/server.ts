/** A server program of a test's own: started, waited for, ended by pid, its log kept for the test to read. */

export interface ServerOptions {
  command: string;
  args: string[];
  env?: Record<string, string>;
  /** File that gets what it prints. */
  log: string;
  /** Answers once the server is ready; tried again and again until then. */
  ready: (log: string) => Promise<boolean> | boolean;
}

export class Server {
  readonly #child: Deno.ChildProcess;
  readonly #log: string;
  /** Whether it has not ended, by itself or otherwise. */
  runs = true;

  private constructor(child: Deno.ChildProcess, log: string) {
    this.#child = child;
    this.#log = log;
    child.status.then(() => this.runs = false);
  }

  static async start(options: ServerOptions): Promise<Server> {
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", 'exec "$@" >>"$LOG" 2>&1', "sh", options.command, ...options.args],
      env: { ...options.env, LOG: options.log },
      stdin: "null",
    }).spawn();
    const server = new Server(child, options.log);
    try {
      await server.#waitUntil(options.ready);
    } catch (error) {
      await server.stop("SIGKILL");
      throw error;
    }
    return server;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** All that it has printed. */
  log(): string {
    return Deno.readTextFileSync(this.#log);
  }

  /** Ends it and waits for its end. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<Deno.CommandStatus> {
    try {
      this.#child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // already gone
    }
    return await this.#child.status;
  }

  async #waitUntil(ready: ServerOptions["ready"]): Promise<void> {
    for (let tries = 0; tries < 600; tries++) {
      if (!this.runs) throw new Error(`the server ended before it was ready:\n${this.log()}`);
      if (await ready(await Deno.readTextFile(this.#log).catch(() => ""))) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`the server was not ready within 15 seconds:\n${this.log()}`);
  }
}
