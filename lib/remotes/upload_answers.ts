/** What a registry says of an upload under way. Source: OCI distribution spec 1.1, "Pushing a blob in chunks". */
import { failedPrecondition } from "../errors.ts";

/** The parts of an answer that tell of an upload. */
export interface UploadAnswer {
  readonly headers: Headers;
  readonly url: string;
}

/**
 * Where the registry at `origin` wants the next bytes: maybe on another host, which then gets no credentials.
 * Behind a proxy that ends TLS a registry may think that it is spoken to in plain http; https is kept to then.
 * Throws FailedPrecondition, beginning with `what`, for what is no address and for one that is less safe.
 */
export function uploadAddress({ headers, url: from }: UploadAnswer, origin: string, what: string): string {
  const location = headers.get("location") ?? "";
  const url = location ? URL.parse(location, from) : null;
  const wrong = (why: string) =>
    failedPrecondition(`${what}: the registry wants it at ${shorten(location)}, ${why}`);
  if (!url || !/^https?:$/.test(url.protocol)) throw wrong("which is no address");
  const own = new URL(origin);
  if (own.protocol === "https:" && url.protocol === "http:") {
    if (url.hostname !== own.hostname) throw wrong("which is plain http, the registry is not");
    url.protocol = "https:";
    url.port = own.port;
  }
  url.username = url.password = url.hash = "";
  return url.href;
}

const shorten = (text: string) => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);

/** The number of bytes that it has: "0-99" is a hundred; "0-0" is what an empty upload says. Undefined if untold. */
export function receivedBytes({ headers }: Pick<UploadAnswer, "headers">): number | undefined {
  const end = /^(?:bytes=)?0-(\d{1,15})$/.exec(headers.get("range") ?? "")?.[1];
  if (end === undefined) return undefined;
  return end === "0" ? 0 : Number(end) + 1;
}
