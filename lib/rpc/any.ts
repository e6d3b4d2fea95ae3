/** Messages in google.protobuf.Any, with containerd's type URLs: the bare full name, no host part. */
import type { Any } from "../api/google/protobuf/any.ts";
import { encode } from "./encode.ts";
import type { Codec } from "./service.ts";

/** `message` wrapped as `fullName`, "containerd.events.TaskExit" say. */
export function anyOf<T>(fullName: string, codec: Codec<T>, message: T): Any {
  return { typeUrl: fullName, value: encode(codec, message) };
}

/** A JSON value wrapped under `typeUrl`. */
export function anyJson(typeUrl: string, value: unknown): Any {
  return { typeUrl, value: new TextEncoder().encode(JSON.stringify(value)) };
}

/** The full message name in a type URL, whatever host part a client put before it. */
export function nameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
}
