/**
 * HTTPS to servers whose certificate nobody checks (`skip_verify`). Deno's fetch has no way to leave that out for
 * one host; node's client has.
 */
import type { IncomingMessage } from "node:http";
import { Agent, type AgentOptions, request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import type { ClientCertificate } from "./connection.ts";
import type { RequestParts } from "./http_client.ts";
import { proxyFor } from "./proxy.ts";

/** Sends a request and gives the answer, as fetch would without following redirects. */
export async function requestUnverified(
  url: string,
  { method, headers, body, signal }: RequestParts,
  pair?: ClientCertificate,
): Promise<Response> {
  const blob = body instanceof Blob ? body : undefined;
  const length = blob
    ? blob.size
    : typeof body === "string"
    ? new TextEncoder().encode(body).length
    : undefined;
  const own = pair && { cert: pair.cert.pem, key: pair.key.pem };
  const proxy = proxyFor(url);
  const agent = new Agent(proxy && { proxyEnv: { HTTPS_PROXY: proxy.href } } as AgentOptions);
  const sent = {
    ...headers as Record<string, string>,
    ...length !== undefined && { "content-length": `${length}` },
  };
  return await new Promise((resolve, reject) => {
    const outgoing = httpsRequest(url, {
      method,
      headers: sent,
      rejectUnauthorized: false,
      ...own,
      agent,
      signal,
    }, (incoming) => resolve(responseOf(incoming)));
    outgoing.on("error", reject);
    if (blob) feed(blob, outgoing).catch(reject);
    else outgoing.end(body as string | undefined);
  });
}

async function feed(blob: Blob, outgoing: ReturnType<typeof httpsRequest>): Promise<void> {
  for await (const piece of blob.stream()) {
    if (outgoing.destroyed) return;
    if (outgoing.write(piece)) continue;
    await new Promise((resolve) => outgoing.once("drain", resolve).once("close", resolve));
  }
  outgoing.end();
}

function responseOf(incoming: IncomingMessage): Response {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    for (const one of Array.isArray(value) ? value : [value ?? ""]) headers.append(name, one);
  }
  const status = incoming.statusCode ?? 0;
  const isEmpty = [101, 204, 205, 304].includes(status);
  if (isEmpty) incoming.resume();
  const body = isEmpty ? null : Readable.toWeb(incoming) as ReadableStream<Uint8Array<ArrayBuffer>>;
  return new Response(body, { status, headers });
}
