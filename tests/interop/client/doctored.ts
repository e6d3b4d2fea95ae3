/** Images whose documents say something else than their layers. */
import { createHash } from "node:crypto";
import type { Registry } from "../../harness/mod.ts";

type Document = Record<string, unknown>;

/** Pushes `repository:tag` again as `repository:newTag`, its config and manifest as `change` leaves them. */
export async function doctor(
  registry: Registry,
  { repository, tag, newTag }: { repository: string; tag: string; newTag: string },
  change: (config: Document, manifest: Document) => void,
): Promise<string> {
  const base = `http://${registry.host}/v2/${repository}`;
  const accept = "application/vnd.oci.image.manifest.v1+json";
  const manifest = await json(await fetch(`${base}/manifests/${tag}`, { headers: { accept } }));
  const described = manifest.config as { digest: string; size: number };
  const config = await json(await fetch(`${base}/blobs/${described.digest}`));
  change(config, manifest);
  const bytes = new TextEncoder().encode(JSON.stringify(config));
  described.digest = "sha256:" + createHash("sha256").update(bytes).digest("hex");
  described.size = bytes.length;
  await upload(base, described.digest, bytes);
  const body = JSON.stringify(manifest);
  await succeed(
    fetch(`${base}/manifests/${newTag}`, { method: "PUT", headers: { "content-type": accept }, body }),
  );
  return `${registry.host}/${repository}:${newTag}`;
}

async function upload(base: string, digest: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
  const begun = await succeed(fetch(`${base}/blobs/uploads/`, { method: "POST" }));
  const place = new URL(begun.headers.get("location")!, base);
  place.searchParams.set("digest", digest);
  const headers = { "content-type": "application/octet-stream" };
  await succeed(fetch(place, { method: "PUT", headers, body }));
}

async function succeed(request: Promise<Response>): Promise<Response> {
  const response = await request;
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${text}`);
  return response;
}

async function json(response: Response): Promise<Document> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${text}`);
  return JSON.parse(text);
}
