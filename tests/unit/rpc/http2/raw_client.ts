/** A client of HTTP/2 that sends what it likes, and shows what comes back frame by frame. */
import {
  type Frame,
  frame,
  FrameType,
  headerLength,
  preface,
  readFrame,
} from "../../../../lib/rpc/http2/frame.ts";
import { encodeHeaders, type Field, HeaderDecoder } from "../../../../lib/rpc/http2/hpack.ts";
import { serveGrpc } from "../../../../lib/rpc/grpc/server.ts";
import type { Service } from "../../../../lib/rpc/service.ts";

/** A server, and a way to it for any number of clients. */
export async function serving(services: readonly Service[]) {
  const dir = await Deno.makeTempDir({ prefix: "longshore-http2-" });
  const path = `${dir}/sock`;
  const server = serveGrpc(Deno.listen({ transport: "unix", path }), services);
  return {
    path,
    connect: async () => new RawClient(await Deno.connect({ transport: "unix", path })),
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

export class RawClient implements Disposable {
  readonly #conn: Deno.Conn;
  readonly #decoder = new HeaderDecoder(1 << 20);
  readonly #buffer = new Uint8Array(1 << 20);
  #filled = 0;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** The preface and settings, which are ours to send before all else. */
  async greet(settings: readonly (readonly [key: number, value: number])[] = []): Promise<this> {
    const payload = settings.flatMap(([key, value]) => [key >> 8, key, ...number(value)]);
    await this.send(preface, frame(FrameType.Settings, 0, 0, payload));
    return this;
  }

  async send(...pieces: readonly Uint8Array[]): Promise<void> {
    for (const piece of pieces) {
      for (let at = 0; at < piece.length;) at += await this.#conn.write(piece.subarray(at));
    }
  }

  /** The next frame; undefined when the server has hung up. */
  async next(): Promise<Frame | undefined> {
    for (;;) {
      const found = readFrame(this.#buffer, 0, this.#filled);
      if (found) {
        const whole = { ...found, payload: found.payload.slice() };
        const length = headerLength + whole.payload.length;
        this.#buffer.copyWithin(0, length, this.#filled);
        this.#filled -= length;
        return whole;
      }
      const read = await this.#conn.read(this.#buffer.subarray(this.#filled)).catch(() => null);
      if (read === null) return undefined;
      this.#filled += read;
    }
  }

  /** The next frame of a type; those before it are passed over. Throws if there is none. */
  async nextOf(type: number, stream?: number): Promise<Frame> {
    for (let found; (found = await this.next());) {
      if (found.type === type && (stream === undefined || found.stream === stream)) return found;
    }
    throw new Error(`the server hung up before a frame of type ${type}`);
  }

  /** The next fields that the server sends. */
  async nextFields(): Promise<Record<string, string>> {
    return Object.fromEntries(this.#decoder.decode((await this.nextOf(FrameType.Headers)).payload)!);
  }

  /** What a call answers: its messages' bytes, with what frames them, and all its fields. */
  async answer(): Promise<{ body: number[]; fields: Record<string, string> }> {
    const body: number[] = [];
    let fields: Record<string, string> = {};
    for (let found; (found = await this.next());) {
      if (found.type === FrameType.Data) body.push(...found.payload);
      if (found.type !== FrameType.Headers) continue;
      fields = { ...fields, ...Object.fromEntries(this.#decoder.decode(found.payload)!) };
      if ("grpc-status" in fields) return { body, fields };
    }
    throw new Error("the server hung up before the answer's end");
  }

  [Symbol.dispose](): void {
    try {
      this.#conn.close();
    } catch {
      // The server was first.
    }
  }
}

/** A number as frames have it. */
export const number = (value: number) => [value >>> 24, value >>> 16 & 255, value >>> 8 & 255, value & 255];

/** The fields that begin a call. */
export function callFields(path: string, ...more: Field[]): Field[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...more,
  ];
}

/** What begins a call, as one frame. */
export const headers = (stream: number, fields: readonly Field[], flags = 4) =>
  frame(FrameType.Headers, flags, stream, encodeHeaders(fields));

/** A message in a frame of data, which ends the call unless it is said to go on. */
export const message = (stream: number, bytes: ArrayLike<number> = [], flags = 1) =>
  frame(FrameType.Data, flags, stream, [0, ...number(bytes.length), ...Array.from(bytes)]);
