/** What goes over the wire between us and a registry, sent to the client that asked for it, while it happens. */
import { HTTPDebug, type RegistryResolver } from "../api/types/transfer/registry.ts";
import type { HttpLog } from "../remotes/mod.ts";
import { sendBytes } from "../rpc/byte_stream.ts";
import { Queue } from "../rpc/queue.ts";
import type { NamedStream } from "./streaming.ts";

/** Bytes kept for a client that doesn't read; what comes after them is left out. */
const MOST_WAITING = 1 << 20;
/** Milliseconds that a client has to take the rest. */
const LAST_WORDS = 1000;

/** A log, until it is closed: then all of it has been sent, or the client has gone. */
export interface SentLog {
  readonly log: HttpLog;
  close(): Promise<void>;
}

/** The log that a client asks for over `stream`. */
export function logOver(
  stream: NamedStream,
  debug: RegistryResolver["httpDebug"],
  signal: AbortSignal,
): SentLog {
  const queue = new Queue<Uint8Array>();
  let waiting = 0;
  const tell = (text: string) => {
    const bytes = new TextEncoder().encode(text);
    if (waiting + bytes.length > MOST_WAITING) return;
    waiting += bytes.length;
    queue.push(bytes);
  };
  async function* sent() {
    for await (const bytes of queue) {
      yield bytes;
      waiting -= bytes.length;
    }
  }
  const sending = sendBytes(stream, sent(), signal).catch(() => false);
  return {
    log: {
      dump: debug === HTTPDebug.DEBUG || debug === HTTPDebug.BOTH,
      trace: debug === HTTPDebug.TRACE || debug === HTTPDebug.BOTH,
      tell,
    },
    async close() {
      queue.close();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise((resolve) => timer = setTimeout(resolve, LAST_WORDS));
      await Promise.race([sending, late]);
      clearTimeout(timer);
      stream.close();
    },
  };
}
