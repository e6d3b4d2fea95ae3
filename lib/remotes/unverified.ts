/**
 * HTTPS to servers whose certificate nobody checks (`skip_verify`). Deno's fetch has no way to leave that out for
 * one host; node's client has.
 */
import { connect as connectPlain, type Socket } from "node:net";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { connect as connectTls } from "node:tls";
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
  const socket = await tunnel(url, own);
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
      agent: false,
      signal,
      ...socket && { createConnection: () => socket },
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

type Own = { cert: string; key: string } | undefined;

/** A connection through the proxy, where there is one. */
async function tunnel(url: string, own: Own): Promise<Socket | undefined> {
  const proxy = proxyFor(url);
  if (!proxy) return undefined;
  const { hostname, port } = new URL(url);
  const target = `${hostname}:${port || 443}`;
  const plain = connectPlain({ host: proxy.hostname, port: Number(proxy.port || 80) });
  await new Promise<void>((resolve, reject) => {
    const who = decodeURIComponent(proxy.username) + ":" + decodeURIComponent(proxy.password);
    const auth = proxy.username ? `Proxy-Authorization: Basic ${btoa(who)}\r\n` : "";
    let head = "";
    const onData = (bytes: Uint8Array) => {
      head += new TextDecoder().decode(bytes);
      if (head.length > 16_384) return reject(new Error(`proxy ${proxy.host} talks too much`));
      if (!head.includes("\r\n\r\n")) return;
      plain.off("data", onData);
      const status = /^HTTP\/1\.[01] (\d+)/.exec(head)?.[1];
      status === "200"
        ? resolve()
        : reject(new Error(`proxy ${proxy.host} answers ${status ?? "nonsense"} to CONNECT`));
    };
    plain.on("data", onData);
    plain.on("error", reject);
    plain.on("connect", () => plain.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${auth}\r\n`));
  });
  return connectTls({ socket: plain, servername: hostname, rejectUnauthorized: false, ...own });
}
