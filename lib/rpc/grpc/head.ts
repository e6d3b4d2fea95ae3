/** What begins a call: fields of HTTP/2 with gRPC's meaning. Source: gRPC over HTTP/2, requests. */
import type { Field } from "../http2/hpack.ts";

export interface Head {
  /** `/` service `/` method. */
  readonly path: string;
  /** How messages are compressed that are. */
  readonly encoding: string;
  /** Milliseconds until the client's patience ends. */
  readonly timeout: number | undefined;
  /** What the caller says beside; of a name that comes twice, the first. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** The status of HTTP for what is no call of gRPC's. */
export type Refusal = "405" | "415";

/** A call's head, or why it is none. */
export function headOf(fields: readonly Field[]): Head | Refusal {
  const said = new Map<string, string>();
  for (const [name, value] of fields) if (!said.has(name)) said.set(name, value);
  if (said.get(":method") !== "POST") return "405";
  if (!/^application\/grpc(\+proto)?($|;)/.test(said.get("content-type") ?? "")) return "415";
  return {
    path: said.get(":path") ?? "",
    encoding: said.get("grpc-encoding") ?? "identity",
    timeout: timeoutOf(said.get("grpc-timeout")),
    metadata: new Map([...said].filter(([name]) => !/^:|-bin$/.test(name))),
  };
}

const milliseconds: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

function timeoutOf(text = ""): number | undefined {
  const [, amount, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  return unit === undefined ? undefined : Number(amount) * milliseconds[unit]!;
}
