/** Bodies of requests that are read while they are sent, of a length that is known before. */

/** A body of `size` bytes. Opened anew for each time that it is sent. */
export interface Outgoing {
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
  /** The file that has these bytes from `offset` on, if one has: others can send it then. */
  readonly file?: { readonly path: string; readonly offset: number };
  /** Told how many bytes have been taken so far. */
  readonly onTaken?: (sent: number) => void;
}

/** Told how many bytes of how many have been taken so far. */
export type Taken = (sent: number, size: number) => void;

/**
 * A body for `fetch`. It is a Blob because fetch announces the length of a Blob (`content-length`) while it sends
 * mere streams in chunks of unknown number, which not all registries take.
 */
export class OutgoingBlob extends Blob {
  readonly #body: Outgoing;
  readonly #taken: Taken;

  constructor(body: Outgoing, taken: Taken) {
    super();
    this.#body = body;
    this.#taken = taken;
  }

  override get size(): number {
    return this.#body.size;
  }

  /** The bytes. Fails if there are not as many as announced: a request must not look whole when it isn't. */
  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const { size } = this.#body;
    const { onTaken } = this.#body;
    const taken = this.#taken;
    const pieces = this.#body.open()[Symbol.asyncIterator]();
    let sent = 0;
    return new ReadableStream({
      async pull(controller) {
        const { done, value } = await pieces.next();
        if (!done) sent += value.length;
        if (sent > size || done && sent < size) {
          throw new Error(`body of ${sent} bytes, announced were ${size}`);
        }
        taken(sent, size);
        if (!done) onTaken?.(sent);
        if (done) controller.close();
        else controller.enqueue(value as Uint8Array<ArrayBuffer>);
      },
      async cancel() {
        await pieces.return?.();
      },
    }, { highWaterMark: 0 });
  }
}

/** A body of bytes that are there. */
export function outgoingBytes(bytes: Uint8Array): Outgoing {
  return {
    size: bytes.length,
    async *open() {
      yield await Promise.resolve(bytes);
    },
  };
}

/** A part of a file as a body. */
export function outgoingFile(path: string, offset: number, size: number): Outgoing {
  return { size, file: { path, offset }, open: () => readFile(path, offset, size) };
}

const READ_SIZE = 1 << 18;

async function* readFile(path: string, offset: number, size: number): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path);
  await file.seek(offset, Deno.SeekMode.Start);
  for (let left = size; left > 0;) {
    const piece = new Uint8Array(Math.min(left, READ_SIZE));
    const read = await file.read(piece);
    if (read === null) return;
    yield piece.subarray(0, read);
    left -= read;
  }
}
