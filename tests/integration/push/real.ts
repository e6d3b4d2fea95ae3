/** Images in real registries, read and written as a registry's own client would: without our code. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { busyboxImage, must, push, type Registry, type Scratch } from "../../harness/mod.ts";

export const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

const manifestType = "application/vnd.oci.image.manifest.v1+json";
const indexType = "application/vnd.oci.image.index.v1+json";

/** A document of a registry with its digest. */
export interface Stored {
  digest: string;
  text: string;
  // deno-lint-ignore no-explicit-any
  json: any;
}

/** What a registry has under a reference. */
export async function stored(reference: string, creds?: string): Promise<Stored> {
  const auth = creds ? ["--creds", creds] : [];
  const args = ["inspect", "--raw", "--tls-verify=false", ...auth, `docker://${reference}`];
  const text = await must("skopeo", args);
  return { digest: digestOf(new TextEncoder().encode(text)), text, json: JSON.parse(text) };
}

/** The digests of all blobs of an image, as skopeo finds them in a registry; it verifies each. */
export async function fetched(reference: string, dir: string, creds?: string): Promise<string[]> {
  const auth = creds ? ["--src-creds", creds] : [];
  const options = ["copy", "--quiet", "--all", "--src-tls-verify=false", "--preserve-digests", ...auth];
  await must("skopeo", [...options, `docker://${reference}`, `oci:${dir}:x`]);
  const names = await Array.fromAsync(Deno.readDir(`${dir}/blobs/sha256`));
  return names.map(({ name }) => `sha256:${name}`).sort();
}

async function putBlob(
  { host }: Registry,
  repository: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const begun = await fetch(`http://${host}/v2/${repository}/blobs/uploads/`, { method: "POST" });
  await begun.body?.cancel();
  const at = new URL(begun.headers.get("location")!);
  at.searchParams.set("digest", digestOf(bytes));
  const put = await fetch(at, { method: "PUT", body: bytes });
  assert.equal(put.status, 201, await put.text());
}

async function putDocument(registry: Registry, place: string, document: { mediaType: string }) {
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  const [repository, name] = place.split(":");
  const headers = { "content-type": document.mediaType };
  const url = `http://${registry.host}/v2/${repository}/manifests/${name}`;
  const put = await fetch(url, { method: "PUT", body: bytes, headers });
  assert.equal(put.status, 201, await put.text());
  return { mediaType: document.mediaType, digest: digestOf(bytes), size: bytes.length };
}

/** `repository:all`: an index of busybox for several platforms, each with a layer of its own. */
export async function pushIndex(
  scratch: Scratch,
  registry: Registry,
  { repository = "box", architectures = ["amd64", "arm64", "riscv64"] } = {},
): Promise<string> {
  const base = `http://${registry.host}/v2/${repository}`;
  const one = await push(await busyboxImage(scratch), registry, `${repository}:1`);
  const { json: manifest } = await stored(one);
  const config = await (await fetch(`${base}/blobs/${manifest.config.digest}`)).json();
  const manifests = [];
  for (const architecture of architectures) {
    const layer = new Uint8Array(1024 + architecture.length);
    await putBlob(registry, repository, layer);
    const own = {
      mediaType: "application/vnd.oci.image.layer.v1.tar",
      digest: digestOf(layer),
      size: layer.length,
    };
    const rootfs = { type: "layers", diff_ids: [...config.rootfs.diff_ids, own.digest] };
    const bytes = new TextEncoder().encode(JSON.stringify({ ...config, architecture, rootfs }));
    await putBlob(registry, repository, bytes);
    const document = {
      ...manifest,
      mediaType: manifestType,
      config: { ...manifest.config, digest: digestOf(bytes), size: bytes.length },
      layers: [...manifest.layers, own],
    };
    const put = await putDocument(registry, `${repository}:${architecture}`, document);
    manifests.push({ ...put, platform: { os: "linux", architecture } });
  }
  const index = { schemaVersion: 2, mediaType: indexType, annotations: { kept: "as it is" }, manifests };
  await putDocument(registry, `${repository}:all`, index);
  return `${registry.host}/${repository}:all`;
}
