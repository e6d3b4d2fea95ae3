/** What a topic, a namespace and an envelope must look like. */
import type { Envelope } from "../api/types/event.ts";
import { invalidArgument, messageOf } from "../errors.ts";
import { checkIdentifier } from "./identifiers.ts";

/** InvalidArgument unless `topic` is "/" and identifiers joined by "/". */
export function checkTopic(topic: string): void {
  const fault = (what: string) => invalidArgument(`envelope topic ${JSON.stringify(topic)}: ${what}`);
  if (topic === "") throw fault("must not be empty");
  if (!topic.startsWith("/")) throw fault("must start with '/'");
  if (topic.length === 1) throw fault("must have at least one component");
  for (const component of topic.slice(1).split("/")) {
    try {
      checkIdentifier(component);
    } catch (error) {
      throw fault(`failed validation on component ${JSON.stringify(component)}: ${messageOf(error)}`);
    }
  }
}

/** InvalidArgument unless the envelope can be forwarded as it is. */
export function checkEnvelope({ namespace, topic, timestamp }: Envelope): void {
  checkIdentifier(namespace, "event envelope has invalid namespace");
  checkTopic(topic);
  if (!timestamp) throw invalidArgument("timestamp must be set on forwarded event");
}
