/** A daemon's content store, from outside. */
import {
  ContentDefinition,
  type Info,
  type Status,
  WriteAction,
} from "../api/services/content/v1/content.ts";
import { Code, CtrError, isError } from "../errors.ts";
import type { Documents } from "../images/mod.ts";
import type { CallOptions } from "../rpc/service.ts";
import type { Services } from "./services.ts";

/** How much of a blob one message carries. */
const messageSize = 1 << 20;

/** What is known of a blob that is written. */
export interface WriteOptions extends CallOptions {
  readonly expected?: string;
  /** Bytes. */
  readonly size?: number;
  readonly labels?: Record<string, string>;
}

export class ContentClient implements Documents {
  readonly #services: Services;

  constructor(services: Services) {
    this.#services = services;
  }

  /** @throws NotFound */
  async info(digest: string, options?: CallOptions): Promise<Info> {
    return (await this.#stub().info({ digest }, options)).info!;
  }

  async *list(filters: string[] = [], options?: CallOptions): AsyncGenerator<Info> {
    for await (const { info } of this.#stub().list({ filters }, options)) yield* info;
  }

  /** A blob's bytes, or a part of them, in the order of the blob. */
  async *read(
    digest: string,
    { offset = 0, size = 0, ...options }: CallOptions & { offset?: number; size?: number } = {},
  ): AsyncGenerator<Uint8Array> {
    const request = { digest, offset: BigInt(offset), size: BigInt(size) };
    for await (const { data } of this.#stub().read(request, options)) yield data;
  }

  /** A whole blob. Throws ResourceExhausted if it is longer than `limit` bytes. */
  async readAll(_scope: unknown, digest: string, limit: number): Promise<Uint8Array> {
    const { size } = await this.info(digest);
    if (size > BigInt(limit)) {
      throw new CtrError(Code.ResourceExhausted, `content ${digest} has ${size} bytes, more than ${limit}`);
    }
    const bytes = new Uint8Array(Number(size));
    let at = 0;
    for await (const data of this.read(digest)) {
      bytes.set(data, at);
      at += data.length;
    }
    return bytes;
  }

  /**
   * Writes a blob under the name `ref` and commits it; one that is there already is fine.
   * @throws FailedPrecondition if size or digest are not as announced
   */
  async write(
    ref: string,
    data: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    { expected = "", size = 0, labels = {}, ...options }: WriteOptions = {},
  ): Promise<string> {
    const total = BigInt(size);
    async function* requests() {
      let offset = 0n;
      for await (const chunk of data) {
        for (let at = 0; at < chunk.length; at += messageSize) {
          const part = chunk.subarray(at, at + messageSize);
          yield { action: WriteAction.WRITE, ref, total, expected, offset, data: part };
          offset += BigInt(part.length);
        }
      }
      yield { action: WriteAction.COMMIT, ref, total: total || offset, expected, offset, labels };
    }
    let digest = expected;
    try {
      for await (const answer of this.#stub().write(requests(), options)) digest = answer.digest || digest;
    } catch (error) {
      if (!isError(error, Code.AlreadyExists) || !expected) throw error;
    }
    return digest;
  }

  /** Sets labels and leaves others; an empty value takes a label away. */
  async label(digest: string, labels: Record<string, string>, options?: CallOptions): Promise<Info> {
    const updateMask = Object.keys(labels).map((key) => `labels.${key}`);
    return (await this.#stub().update({ info: { ...emptyInfo, digest, labels }, updateMask }, options)).info!;
  }

  async delete(digest: string, options?: CallOptions): Promise<void> {
    await this.#stub().delete({ digest }, options);
  }

  /** Writes under way. */
  async writes(filters: string[] = [], options?: CallOptions): Promise<Status[]> {
    return (await this.#stub().listStatuses({ filters }, options)).statuses;
  }

  async abort(ref: string, options?: CallOptions): Promise<void> {
    await this.#stub().abort({ ref }, options);
  }

  #stub() {
    return this.#services.stub(ContentDefinition);
  }
}

const emptyInfo: Info = { digest: "", size: 0n, createdAt: undefined, updatedAt: undefined, labels: {} };
