/** Archives of images, as other tools write them. */
import assert from "node:assert/strict";
import {
  busyboxImage,
  type Layout,
  type Longshore,
  must,
  type Output,
  type Scratch,
} from "../../harness/mod.ts";

export async function succeeds(output: Promise<Output>): Promise<string> {
  const { code, stdout, stderr } = await output;
  assert.equal(code, 0, stderr + stdout);
  return stdout;
}

export async function fails(output: Promise<Output>): Promise<string> {
  const { code, stdout, stderr } = await output;
  assert.equal(code, 1, stdout + stderr);
  return stderr;
}

/** The lines of a quiet list. */
export async function listed(daemon: Longshore, ...list: string[]): Promise<string[]> {
  const text = await succeeds(daemon.ctr([...list, "-q"]));
  return text.split("\n").filter((line) => line !== "").sort();
}

/** What the store has: images and content. */
export async function store(daemon: Longshore): Promise<{ images: string[]; content: string[] }> {
  return { images: await listed(daemon, "images", "ls"), content: await listed(daemon, "content", "ls") };
}

/** busybox in a layout and as archives that skopeo and tar write. */
export interface Archives {
  layout: Layout;
  /** The manifest's digest. */
  digest: string;
  /** `skopeo oci-archive:`, tagged 1. */
  oci: string;
  /** `skopeo docker-archive:`, named example.test/box:1. */
  docker: string;
}

/** Makes them. */
export async function boxArchives(scratch: Scratch): Promise<Archives> {
  const layout = await busyboxImage(scratch);
  const from = `oci:${layout.path}:${layout.tag}`;
  const [oci, docker] = [scratch.join("oci.tar"), scratch.join("docker.tar")];
  await must("skopeo", ["copy", "--quiet", from, `oci-archive:${oci}:1`]);
  await must("skopeo", ["copy", "--quiet", from, `docker-archive:${docker}:example.test/box:1`]);
  const index = JSON.parse(await Deno.readTextFile(`${layout.path}/index.json`));
  return { layout, digest: index.manifests[0].digest, oci, docker };
}
