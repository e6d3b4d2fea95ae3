/**
 * The shim's events on their way to the daemon: a queue that keeps them, in order, until the daemon has
 * taken them; a daemon that is away gets them when it is back.
 */
import type { Any } from "../api/google/protobuf/any.ts";
import { EventsDefinition } from "../api/services/ttrpc/events/v1/events.ts";
import type { Envelope } from "../api/types/event.ts";
import { codeOf, messageOf } from "../errors.ts";
import { faultPoint } from "../fault.ts";
import type { Channel } from "../rpc/service.ts";
import { now } from "../rpc/timestamp.ts";

const RETRY = 200;
const TIMEOUT = 10_000;

/** How the daemon is reached. */
export type Connect = () => Promise<Channel>;

export class EventQueue {
  readonly #connect: Connect;
  readonly #queue: Envelope[] = [];
  #channel?: Channel;
  #sending = false;

  constructor(connect: Connect) {
    this.#connect = connect;
  }

  /** Adds an event; its time is now. */
  publish(namespace: string, topic: string, event: Any): void {
    this.#queue.push({ timestamp: now(), namespace, topic, event });
    if (!this.#sending) void this.#send();
  }

  /** Events that the daemon has not taken yet. */
  get pending(): number {
    return this.#queue.length;
  }

  async #send(): Promise<void> {
    this.#sending = true;
    for (let envelope; (envelope = this.#queue[0]);) {
      try {
        this.#channel ??= await this.#connect();
        faultPoint("shim.event");
        await this.#channel.stub(EventsDefinition).forward({ envelope }, {
          namespace: envelope.namespace,
          timeout: TIMEOUT,
        });
        faultPoint("shim.event-sent");
        this.#queue.shift();
      } catch (error) {
        await this.#failed(error);
      }
    }
    this.#sending = false;
  }

  async #failed(error: unknown): Promise<void> {
    const channel = this.#channel;
    this.#channel = undefined;
    await Promise.resolve(channel?.[Symbol.asyncDispose]()).catch(() => {});
    if (refused.has(codeOf(error))) {
      console.error(`event ${this.#queue[0]?.topic} was refused: ${messageOf(error)}`);
      this.#queue.shift();
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY));
  }
}

// InvalidArgument, FailedPrecondition: sending it again would not help, and would hold up the others.
const refused = new Set<number>([3, 9]);
