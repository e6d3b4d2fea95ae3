/**
 * Starts Workers from a Worker. Deno keeps the thread that starts one until the new one's V8 is up: 20 ms, and three
 * times that where the processors are busy, in which the daemon would answer nobody.
 */
import type { FromForeman, ToForeman } from "./foreman_job.ts";

/** What is used of a Worker. */
export interface Hand {
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  /** Told that it crashed; it has ended then. */
  oncrash: ((why: string) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
}

/** Starts Workers; whoever has no foreman starts them where they are. */
export type StartWorker = (url: URL) => Hand;

/** Starts one on the spot. */
export const startHere: StartWorker = (url) => {
  const worker = new Worker(url, { type: "module" });
  const hand: Hand = {
    onmessage: null,
    oncrash: null,
    postMessage: (message) => worker.postMessage(message),
    terminate: () => worker.terminate(),
  };
  worker.onmessage = (event) => hand.onmessage?.(event);
  worker.onmessageerror = () => hand.oncrash?.("sent something unreadable");
  worker.onerror = (event) => {
    event.preventDefault();
    worker.terminate();
    hand.oncrash?.(event.message);
  };
  return hand;
};

/** One Worker that starts the others: itself started when first needed, it stays until this is disposed of. */
export class Foreman implements Disposable {
  readonly #hands = new Map<number, Hand>();
  #self: Hand | undefined;
  #lastId = 0;

  readonly start: StartWorker = (url) => {
    this.#self ??= this.#begin();
    const id = ++this.#lastId;
    const hand: Hand = {
      onmessage: null,
      oncrash: null,
      postMessage: (message) => this.#tell({ type: "post", id, message }),
      terminate: () => {
        if (this.#hands.delete(id)) this.#tell({ type: "end", id });
      },
    };
    this.#hands.set(id, hand);
    this.#tell({ type: "start", id, url: url.href });
    return hand;
  };

  /** Ends it and all that it has started. */
  [Symbol.dispose](): void {
    this.#hands.clear();
    this.#self?.terminate();
    this.#self = undefined;
  }

  #begin(): Hand {
    const self = startHere(new URL("./foreman_worker.ts", import.meta.url));
    self.onmessage = ({ data }) => this.#take(data as FromForeman);
    self.oncrash = (why) => {
      if (this.#self === self) this.#self = undefined;
      const hands = [...this.#hands.values()];
      this.#hands.clear();
      for (const hand of hands) hand.oncrash?.(`its foreman: ${why}`);
    };
    return self;
  }

  #tell(message: ToForeman): void {
    this.#self?.postMessage(message);
  }

  #take(message: FromForeman): void {
    const hand = this.#hands.get(message.id);
    if (message.type === "message") return hand?.onmessage?.({ data: message.data });
    this.#hands.delete(message.id);
    hand?.oncrash?.(message.why);
  }
}
