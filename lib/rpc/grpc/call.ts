/** One call of gRPC: its messages, its handler, its answer. */
import { Code, CtrError, messageOf, unimplemented } from "../../errors.ts";
import { contextOf } from "../context.ts";
import { encodeInPieces } from "../encode.ts";
import type { Listener, Stream } from "../http2/stream.ts";
import { Queue } from "../queue.ts";
import type { CallContext, MethodDefinition } from "../service.ts";
import { answerHeaders, answerTrailers, failureFields } from "./answer.ts";
import type { Head } from "./head.ts";
import { MessageReader, type Packed, packed, unpacked } from "./messages.ts";

/** A method and its code; without code it answers Unimplemented. */
export interface Method {
  readonly definition: MethodDefinition;
  // deno-lint-ignore no-explicit-any
  readonly handler: ((request: any, context: CallContext) => any) | undefined;
}

/** How many messages of a client's stream wait for a slow handler before there is no room for more. */
const messagesInWait = 16;

export class Call implements Listener {
  readonly #stream: Stream;
  readonly #head: Head;
  readonly #abort = new AbortController();
  readonly #reader = new MessageReader();
  readonly #messages = new Queue<Packed>(messagesInWait);
  #begun = false;

  constructor(stream: Stream, head: Head) {
    this.#stream = stream;
    this.#head = head;
    stream.listener = this;
  }

  /** Answers the call; never throws. */
  async run(method: Method | undefined): Promise<void> {
    const timer = this.#head.timeout === undefined ? undefined : this.#expireIn(this.#head.timeout);
    try {
      if (!method?.handler) throw unimplemented(`method ${this.#head.path.slice(1)}`);
      const context = contextOf(this.#head.metadata, this.#abort.signal);
      await this.#answer(method.definition, method.handler, context);
      this.#stream.finish(answerTrailers);
    } catch (error) {
      this.#stream.finish(failureFields(error, this.#begun));
    } finally {
      clearTimeout(timer);
    }
  }

  data(chunk: Uint8Array): void {
    try {
      let room: Promise<void> | void = undefined;
      for (const message of this.#reader.push(chunk)) room = this.#messages.push(message);
      const { length } = chunk;
      if (room) room.then(() => this.#stream.taken(length));
      else this.#stream.taken(length);
    } catch (error) {
      this.#fail(error);
    }
  }

  end(): void {
    if (this.#reader.whole) this.#messages.close();
    else this.#fail(new CtrError(Code.Internal, "the call ended within a message"));
  }

  cancelled(): void {
    this.#fail(new CtrError(Code.Canceled, "the client cancelled the call"));
  }

  #fail(error: unknown): void {
    this.#abort.abort(error);
    this.#messages.fail(error);
  }

  #expireIn(milliseconds: number): ReturnType<typeof setTimeout> {
    const expire = () => this.#fail(new CtrError(Code.DeadlineExceeded, "context deadline exceeded"));
    return setTimeout(expire, Math.min(milliseconds, 2 ** 31 - 1));
  }

  async #answer(
    { requestType, requestStream, responseType, responseStream }: MethodDefinition,
    handler: NonNullable<Method["handler"]>,
    context: CallContext,
  ): Promise<void> {
    const requests = this.#requests(requestType);
    const request = requestStream ? requests : await only(requests);
    if (!responseStream) return await this.#send(responseType, await handler(request, context));
    for await (const message of handler(request, context)) {
      context.signal.throwIfAborted();
      await this.#send(responseType, message);
    }
    this.#begin();
  }

  async *#requests(codec: MethodDefinition["requestType"]): AsyncGenerator<unknown, void, undefined> {
    for await (const message of this.#messages) {
      yield decoded(codec, await unpacked(message, this.#head.encoding));
    }
  }

  #send(codec: MethodDefinition["responseType"], message: unknown): Promise<void> | void {
    const pieces = packed(encodeInPieces(codec, message));
    this.#begin();
    return this.#stream.send(pieces);
  }

  #begin(): void {
    if (!this.#begun) this.#stream.respond(answerHeaders);
    this.#begun = true;
  }
}

function decoded(codec: MethodDefinition["requestType"], bytes: Uint8Array): unknown {
  try {
    return codec.decode(bytes);
  } catch (cause) {
    throw new CtrError(Code.Internal, `a message that is none: ${messageOf(cause)}`, { cause });
  }
}

/** The one message of a call that has one. */
async function only(messages: AsyncIterable<unknown>): Promise<unknown> {
  for await (const message of messages) return message;
  throw new CtrError(Code.Internal, "the call has no message");
}
