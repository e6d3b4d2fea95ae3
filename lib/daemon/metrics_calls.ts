/** Counts calls of the API, under the names that Go's gRPC servers use. */
import { Code, codeOf } from "../errors.ts";
import type { CallContext, MethodDefinition, Service } from "../rpc/service.ts";
import type { Family, Labels, Sample } from "./metrics_text.ts";

interface Counts {
  readonly labels: Labels;
  started: number;
  received: number;
  sent: number;
  /** By the name of the code. */
  readonly handled: Map<string, number>;
  /** Calls by how long they took: up to each of `bounds`, and longer. */
  readonly buckets: number[];
  /** Seconds that all took. */
  seconds: number;
}

/** Seconds that divide the histogram: those of Prometheus' clients. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export class CallCounter {
  readonly #counts: Counts[] = [];
  readonly #histogram: boolean;

  /** `histogram`: whether the families tell how long calls take. */
  constructor({ histogram }: { histogram: boolean }) {
    this.#histogram = histogram;
  }

  /** The same services, whose calls are counted from now on. */
  count(services: readonly Service[]): Service[] {
    return services.map(({ definition, impl }) => {
      const methods = Object.entries(definition.methods).flatMap(([key, method]) => {
        const handler = impl[key]?.bind(impl);
        return handler ? [[key, this.#counted(definition.fullName, method, handler)] as const] : [];
      });
      return { definition, impl: Object.fromEntries(methods) };
    });
  }

  /** What was counted; methods that nobody has called are left out. */
  families(): Family[] {
    const called = this.#counts.filter(({ started }) => started > 0);
    const counter = (name: string, help: string, value: (counts: Counts) => number): Family => ({
      name: `grpc_server_${name}_total`,
      help,
      type: "counter",
      samples: called.map((counts) => ({ labels: counts.labels, value: value(counts) })),
    });
    return [
      counter("started", "Total number of RPCs started on the server.", ({ started }) => started),
      counter(
        "msg_received",
        "Total number of RPC stream messages received on the server.",
        ({ received }) => received,
      ),
      counter("msg_sent", "Total number of gRPC stream messages sent by the server.", ({ sent }) => sent),
      {
        name: "grpc_server_handled_total",
        help: "Total number of RPCs completed on the server, regardless of success or failure.",
        type: "counter",
        samples: called.flatMap(({ labels, handled }) =>
          [...handled].map(([code, value]) => ({ labels: { ...labels, grpc_code: code }, value }))
        ),
      },
      ...this.#histogram
        ? [{
          name: "grpc_server_handling_seconds",
          help:
            "Histogram of response latency (seconds) of gRPC that had been application-level handled by " +
            "the server.",
          type: "histogram" as const,
          samples: called.flatMap(histogramSamples),
        }]
        : [],
    ];
  }

  // deno-lint-ignore no-explicit-any
  #counted(service: string, method: MethodDefinition, handler: (request: any, context: CallContext) => any) {
    const counts: Counts = {
      labels: { grpc_service: service, grpc_method: method.name, grpc_type: typeOf(method) },
      started: 0,
      received: 0,
      sent: 0,
      handled: new Map(),
      buckets: new Array(bounds.length + 1).fill(0),
      seconds: 0,
    };
    this.#counts.push(counts);
    // deno-lint-ignore no-explicit-any
    const unary = async (request: any, context: CallContext) => {
      using call = new Counting(counts);
      try {
        const answer = await handler(received(request, counts), context);
        counts.sent++;
        return answer;
      } catch (error) {
        throw call.failed(error);
      }
    };
    // deno-lint-ignore no-explicit-any
    async function* streaming(request: any, context: CallContext) {
      using call = new Counting(counts);
      try {
        for await (const message of handler(received(request, counts), context)) {
          counts.sent++;
          yield message;
        }
      } catch (error) {
        throw call.failed(error);
      }
    }
    return method.responseStream ? streaming : unary;
  }
}

/** A call under way. */
class Counting implements Disposable {
  readonly #counts: Counts;
  readonly #begin = performance.now();
  #code = "OK";

  constructor(counts: Counts) {
    this.#counts = counts;
    counts.started++;
  }

  failed(error: unknown): unknown {
    this.#code = nameOfCode(codeOf(error));
    return error;
  }

  [Symbol.dispose](): void {
    const { handled, buckets } = this.#counts;
    const seconds = (performance.now() - this.#begin) / 1000;
    handled.set(this.#code, (handled.get(this.#code) ?? 0) + 1);
    const bucket = bounds.findIndex((bound) => seconds <= bound);
    buckets[bucket === -1 ? bounds.length : bucket]!++;
    this.#counts.seconds += seconds;
  }
}

/** Passes a request on, or the messages of a stream, counting them. */
function received(request: unknown, counts: Counts): unknown {
  if (typeof request !== "object" || request === null || !(Symbol.asyncIterator in request)) {
    counts.received++;
    return request;
  }
  return countMessages(request as AsyncIterable<unknown>, counts);
}

async function* countMessages(messages: AsyncIterable<unknown>, counts: Counts) {
  for await (const message of messages) {
    counts.received++;
    yield message;
  }
}

function histogramSamples({ labels, buckets, seconds }: Counts): Sample[] {
  let sum = 0;
  const upTo = buckets.map((count, n) => ({
    suffix: "_bucket",
    labels: { ...labels, le: n < bounds.length ? String(bounds[n]) : "+Inf" },
    value: sum += count,
  }));
  return [
    ...upTo,
    { suffix: "_sum", labels, value: seconds },
    { suffix: "_count", labels, value: sum },
  ];
}

function typeOf({ requestStream, responseStream }: MethodDefinition): string {
  if (requestStream) return responseStream ? "bidi_stream" : "client_stream";
  return responseStream ? "server_stream" : "unary";
}

function nameOfCode(code: Code): string {
  return Object.entries(Code).find(([, number]) => number === code)?.[0] ?? "Unknown";
}
