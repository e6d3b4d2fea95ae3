/** What filters see of an envelope: namespace, topic, event.<field of the message>. */
import * as container from "../api/events/container.ts";
import * as content from "../api/events/content.ts";
import * as image from "../api/events/image.ts";
import * as namespace from "../api/events/namespace.ts";
import * as sandbox from "../api/events/sandbox.ts";
import * as snapshot from "../api/events/snapshot.ts";
import * as task from "../api/events/task.ts";
import type { Any } from "../api/google/protobuf/any.ts";
import type { Envelope } from "../api/types/event.ts";
import { nameOf } from "../rpc/any.ts";
import type { Codec } from "../rpc/service.ts";

const messages: Readonly<Record<string, unknown>> = {
  ...container,
  ...content,
  ...image,
  ...namespace,
  ...sandbox,
  ...snapshot,
  ...task,
};

/** The codec of an event by its type URL, "containerd.events.TaskExit" say; undefined for unknown ones. */
export function eventCodec(typeUrl: string): Codec<Record<string, unknown>> | undefined {
  // Image events alone are named after their service.
  const [, name] = /^containerd\.(?:events|services\.images\.v1)\.(\w+)$/.exec(nameOf(typeUrl)) ?? [];
  if (!name || !Object.hasOwn(messages, name)) return undefined;
  const codec = messages[name] as Codec<Record<string, unknown>>;
  return typeof codec.decode === "function" ? codec : undefined;
}

/** The fields of an envelope; its event is decoded when a filter first asks for it. */
export function envelopeFields(envelope: Envelope): (path: string[]) => string | undefined {
  let event: unknown;
  return ([field, ...rest]) => {
    if (field === "namespace") return envelope.namespace || undefined;
    if (field === "topic") return envelope.topic || undefined;
    if (field !== "event") return undefined;
    event ??= decode(envelope.event) ?? {};
    return fieldOf(event, rest);
  };
}

function decode(event: Any | undefined): unknown {
  if (!event) return undefined;
  try {
    return eventCodec(event.typeUrl)?.decode(event.value);
  } catch {
    // A publisher may send anything; an event that is none has no fields.
    return undefined;
  }
}

/** Strings in messages, in messages within, and in labels (whose key is the rest of the path). */
function fieldOf(message: unknown, [name, ...rest]: string[]): string | undefined {
  if (name === undefined || typeof message !== "object" || message === null) return undefined;
  const key = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const value = Object.hasOwn(message, key) ? (message as Record<string, unknown>)[key] : undefined;
  if (name === "labels" && typeof value === "object" && value !== null) {
    const label = rest.join(".");
    return Object.hasOwn(value, label) ? (value as Record<string, string>)[label] : undefined;
  }
  if (typeof value === "string") return value || undefined;
  return fieldOf(value, rest);
}
