/** A queue between a producer that pushes and a consumer that iterates. */

/** Items in order; after `close` or `fail` the iteration ends once the queue is empty. */
export class Queue<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  readonly #limit: number;
  #ended: { error?: unknown } | undefined;
  #abandoned = false;
  #wakeConsumer: (() => void) | undefined;
  #wakeProducer: (() => void) | undefined;
  readonly #onAbandon: (() => void) | undefined;

  /** `limit`: how many items may wait before {@linkcode push} makes its caller wait. */
  constructor(limit = Infinity, onAbandon?: () => void) {
    this.#limit = limit;
    this.#onAbandon = onAbandon;
  }

  /** Adds an item; resolves when there is room for the next. */
  push(item: T): Promise<void> | void {
    if (this.#ended || this.#abandoned) return;
    this.#items.push(item);
    this.#wakeConsumer?.();
    if (this.#items.length < this.#limit) return;
    return new Promise((resolve) => this.#wakeProducer = resolve);
  }

  /** No more items will come. */
  close(): void {
    this.#ended ??= {};
    this.#wakeConsumer?.();
    this.#wakeProducer?.();
  }

  /** The consumer gets `error` after what is queued. */
  fail(error: unknown): void {
    this.#ended ??= { error };
    this.#wakeConsumer?.();
    this.#wakeProducer?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      while (true) {
        while (this.#items.length) {
          const item = this.#items.shift()!;
          if (this.#items.length < this.#limit) this.#wakeProducer?.();
          yield item;
        }
        if (this.#ended) {
          if ("error" in this.#ended) throw this.#ended.error;
          return;
        }
        await new Promise<void>((resolve) => this.#wakeConsumer = resolve);
      }
    } finally {
      // A consumer that stops early must not leave the producer waiting for room.
      this.#abandoned = true;
      this.#items.length = 0;
      this.#wakeProducer?.();
      this.#onAbandon?.();
    }
  }
}
