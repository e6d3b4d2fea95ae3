/**
 * Bytes over a stream of messages, as containerd's transfers send archives: the receiver says with WindowUpdates
 * how many bytes it takes, the sender sends no more than that in Data messages and ends the stream at their end.
 */
import type { Any } from "../api/google/protobuf/any.ts";
import { Data, WindowUpdate } from "../api/types/transfer/streaming.ts";
import { invalidArgument } from "../errors.ts";
import { anyOf, nameOf } from "./any.ts";

/** One side of a stream. */
export interface MessageStream {
  readonly incoming: AsyncIterator<Any>;
  send(message: Any): void;
}

const DATA = "containerd.types.transfer.Data";
const WINDOW_UPDATE = "containerd.types.transfer.WindowUpdate";
/** Bytes that may be under way. */
const WINDOW = 1 << 20;
/** Bytes of one message at most. */
const PIECE = 128 << 10;

/** The bytes that the other side sends, until it ends the stream. Throws InvalidArgument if it sends too many. */
export async function* receiveBytes(
  { incoming, send }: MessageStream,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let window = 0;;) {
    if (window <= WINDOW / 2) {
      send(anyOf(WINDOW_UPDATE, WindowUpdate, { update: WINDOW - window }));
      window = WINDOW;
    }
    const { value, done } = await incoming.next();
    if (done) return;
    if (nameOf(value.typeUrl) !== DATA) throw invalidArgument(`a stream of bytes holds a ${value.typeUrl}`);
    const { data } = Data.decode(value.value);
    window -= data.length;
    if (window < 0) throw invalidArgument("a stream of bytes holds more than its window");
    if (data.length > 0) yield data as Uint8Array<ArrayBuffer>;
  }
}

/**
 * Sends bytes as fast as the other side takes them; false if it ended the stream, or `signal` aborted, before it
 * had them all. What `source` gives may be reused when it is asked for more.
 */
export async function sendBytes(
  { incoming, send }: MessageStream,
  source: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<boolean> {
  let window = 0;
  let gone = false;
  let wake = () => {};
  const leave = () => {
    gone = true;
    wake();
  };
  const listening = listen(incoming, (update) => {
    window += update;
    wake();
  });
  listening.then(leave, leave);
  signal?.addEventListener("abort", leave, { once: true });
  const hasRoom = async () => {
    while (window <= 0 && !gone) await new Promise<void>((resolve) => wake = resolve);
    return !gone && !signal?.aborted;
  };
  try {
    // Where nobody listens the source stays as it is.
    if (!await hasRoom()) return false;
    for await (const bytes of source) {
      for (let at = 0; at < bytes.length;) {
        if (!await hasRoom()) return false;
        const data = bytes.subarray(at, at + Math.min(window, PIECE));
        send(anyOf(DATA, Data, { data }));
        window -= data.length;
        at += data.length;
      }
    }
    return true;
  } finally {
    signal?.removeEventListener("abort", leave);
  }
}

async function listen(incoming: AsyncIterator<Any>, onUpdate: (bytes: number) => void): Promise<void> {
  for (let next = await incoming.next(); !next.done; next = await incoming.next()) {
    const { typeUrl, value } = next.value;
    if (nameOf(typeUrl) === WINDOW_UPDATE) onUpdate(WindowUpdate.decode(value).update);
  }
}
