/**
 * Metrics for Prometheus: `GET /v1/metrics` at the configured address. Loaded only if there is one.
 *
 * Containers are those that have a task when they are asked for, so that tasks of an earlier daemon are there too.
 */
import { invalidArgument, messageOf, unavailable } from "../errors.ts";
import type { Service } from "../rpc/service.ts";
import type { Config } from "./config.ts";
import type { Log } from "./log.ts";
import { CallCounter } from "./metrics_calls.ts";
import { type Contained, containerFamilies } from "./metrics_containers.ts";
import { one, processFamilies } from "./metrics_process.ts";
import { contentType, type Family, render } from "./metrics_text.ts";

/** What metrics are made of. */
export interface MetricsSource {
  /** What the tasks of all namespaces use. */
  usage(): Promise<Contained[]>;
  /** Runs of the garbage collector, and the milliseconds that they took. */
  collections(): { readonly runs: number; readonly spent: number };
}

export class MetricsEndpoint {
  readonly #source: MetricsSource;
  readonly #calls: CallCounter;
  #scrape: Promise<string> | undefined;

  constructor(source: MetricsSource, { callHistogram }: Pick<Config, "callHistogram">) {
    this.#source = source;
    this.#calls = new CallCounter({ histogram: callHistogram });
  }

  /** The services, whose calls are counted from now on. */
  count(services: readonly Service[]): Service[] {
    return this.#calls.count(services);
  }

  /** Serves until it is disposed of. Throws InvalidArgument for an address that is none, Unavailable if it is taken. */
  listen(address: string, log: Log): AsyncDisposable {
    const { hostname, port } = parseAddress(address);
    try {
      const server = Deno.serve({
        hostname,
        port,
        onListen: (at) => log("info", "metrics", { address: `${at.hostname}:${at.port}` }),
        onError: (error) => {
          log("error", "metrics failed", { error: messageOf(error) });
          return new Response("metrics failed\n", { status: 500 });
        },
      }, (request) => this.#answer(request));
      return { [Symbol.asyncDispose]: () => server.shutdown() };
    } catch (error) {
      throw unavailable(`metrics address ${address}: ${messageOf(error)}`, { cause: error });
    }
  }

  async #answer(request: Request): Promise<Response> {
    if (new URL(request.url).pathname !== "/v1/metrics") {
      return new Response("404 page not found\n", { status: 404 });
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response("405 method not allowed\n", { status: 405, headers: { allow: "GET, HEAD" } });
    }
    // Who asks while an answer is made gets the same one.
    const text = await (this.#scrape ??= this.#text().finally(() => this.#scrape = undefined));
    return new Response(text, {
      headers: { "content-type": contentType },
    });
  }

  async #text(): Promise<string> {
    return await render(this.#families(await this.#source.usage()));
  }

  *#families(tasks: readonly Contained[]): Generator<Family> {
    yield* containerFamilies(tasks);
    yield* this.#calls.families();
    yield* this.#collections();
    yield* processFamilies();
  }

  #collections(): Family[] {
    const { runs, spent } = this.#source.collections();
    return [
      one(
        "longshore_gc_runs_total",
        "Runs of the collector of unused content and snapshots.",
        runs,
        "counter",
      ),
      one("longshore_gc_seconds_total", "Seconds that these runs took.", spent / 1000, "counter"),
    ];
  }
}

/** `HOST:PORT`, as Go has it: `[::1]:1338`, `:1338` for all addresses of the host. */
export function parseAddress(address: string): { hostname: string; port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(address) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65535) {
    throw invalidArgument(`metrics address ${JSON.stringify(address)} is not of the form HOST:PORT`);
  }
  return { hostname: bracketed ?? (plain || "0.0.0.0"), port };
}
