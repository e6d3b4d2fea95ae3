/** Registries that misbehave: a small image served over loopback, with one thing replaced. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
export const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

const OCI = "application/vnd.oci.image";

/** A tar with one file in it, padded out with bytes that don't compress. */
function tarOf(name: string, body: Uint8Array): Uint8Array {
  const header = new Uint8Array(512);
  const text = (at: number, value: string) => header.set(new TextEncoder().encode(value), at);
  text(0, name);
  text(100, "0000644\0");
  text(108, "0000000\0");
  text(116, "0000000\0");
  text(124, body.length.toString(8).padStart(11, "0") + "\0");
  text(136, "00000000000\0");
  text(148, "        ");
  text(156, "0");
  text(257, "ustar\x0000");
  const sum = header.reduce((total, byte) => total + byte, 0);
  text(148, sum.toString(8).padStart(6, "0") + "\0 ");
  const whole = new Uint8Array(512 + Math.ceil(body.length / 512) * 512 + 1024);
  whole.set(header);
  whole.set(body, 512);
  return whole;
}

export interface Small {
  layer: Uint8Array<ArrayBuffer>;
  config: Uint8Array<ArrayBuffer>;
  manifest: Uint8Array<ArrayBuffer>;
}

/** An image of one layer; `urls` are for that layer, `layers` is how often it is in. */
export function smallImage({ urls }: { urls?: string[] } = {}): Small {
  const noise = new Uint8Array(300_000);
  for (let at = 0; at < noise.length; at += 50_000) crypto.getRandomValues(noise.subarray(at, at + 50_000));
  const tar = tarOf("file", noise);
  const layer = new Uint8Array(gzipSync(tar));
  const config = encode({
    os: "linux",
    architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64",
    rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
  });
  const described = (type: string, bytes: Uint8Array) => ({
    mediaType: `${OCI}.${type}`,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const manifest = encode({
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: described("config.v1+json", config),
    layers: [{ ...described("layer.v1.tar+gzip", layer), ...urls && { urls } }],
  });
  return { layer, config, manifest };
}

export interface Seen {
  method: string;
  path: string;
  headers: Headers;
}

export type Answers = (seen: Seen, image: Small) => Response | Promise<Response> | undefined;

/** Serves `image`; `answers` comes first. */
export function serve(image: Small, answers: Answers = () => undefined) {
  const requests: Seen[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const seen = {
      method: request.method,
      path: new URL(request.url).pathname + new URL(request.url).search,
      headers: request.headers,
    };
    requests.push(seen);
    return await answers(seen, image) ?? honest(seen, image);
  });
  const host = `127.0.0.1:${server.addr.port}`;
  return {
    host,
    reference: `${host}/small:1`,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** What a good registry says. */
export function honest({ path, headers }: Seen, { layer, config, manifest }: Small): Response {
  const type = `${OCI}.manifest.v1+json`;
  if (path.includes("/manifests/")) {
    return new Response(manifest, {
      headers: {
        "content-type": type,
        "docker-content-digest": digestOf(manifest),
        "content-length": `${manifest.length}`,
      },
    });
  }
  if (path.endsWith(digestOf(config))) return new Response(config);
  if (!path.endsWith(digestOf(layer))) return new Response("", { status: 404 });
  const from = /^bytes=(\d+)-$/.exec(headers.get("range") ?? "")?.[1];
  if (!from) return new Response(layer);
  const range = `bytes ${from}-${layer.length - 1}/${layer.length}`;
  return new Response(layer.slice(Number(from)), { status: 206, headers: { "content-range": range } });
}
