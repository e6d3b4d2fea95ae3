/** Registries that misbehave: a small image served over loopback, with one thing replaced. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { makeTar } from "../../harness/tar.ts";

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
export const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

const OCI = "application/vnd.oci.image";

/** A tar with one file in it, of bytes that don't compress. */
function oneFile(): Uint8Array<ArrayBuffer> {
  const noise = new Uint8Array(300_000);
  for (let at = 0; at < noise.length; at += 50_000) crypto.getRandomValues(noise.subarray(at, at + 50_000));
  return makeTar([{ name: "file", body: noise }]);
}

export interface Small {
  layer: Uint8Array<ArrayBuffer>;
  config: Uint8Array<ArrayBuffer>;
  manifest: Uint8Array<ArrayBuffer>;
}

/** What an image is to be like. */
interface Made {
  /** Where else the layer is to be had. */
  urls?: string[];
  /** What is in the layer, in place of one file. */
  tar?: Uint8Array<ArrayBuffer>;
  /** What is done to the layer after it was compressed, and before it gets its digest. */
  damage?: (layer: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;
}

/** An image of one layer. */
export function smallImage({ urls, tar = oneFile(), damage = (layer) => layer }: Made = {}): Small {
  const layer = damage(new Uint8Array(gzipSync(tar)));
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
    const { pathname, search } = new URL(request.url);
    const seen = {
      method: request.method,
      // Mirrors are told whose image it is; these here have but one.
      path: pathname + search.replace(/^\?ns=[^&]*$/, ""),
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
