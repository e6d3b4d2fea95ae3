/** A daemon with an image from a real registry, and what a bad disk does to it. */
import assert from "node:assert/strict";
import {
  busyboxImage,
  imageOfDirs,
  type Longshore,
  type LongshoreOptions,
  must,
  push,
  type Registry,
  Scratch,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";

export interface Place {
  daemon: Longshore;
  registry: Registry;
  reference: string;
  scratch: Scratch;
}

/** Runs `test` with a daemon, a registry, and an image of two layers in the registry. */
export async function withRegistry(
  test: (place: Place) => Promise<void>,
  options: LongshoreOptions = {},
): Promise<void> {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  const reference = await push(await twoLayers(scratch), registry, "app:1");
  await using daemon = await startLongshore({ where: "shm", ...options });
  await test({ daemon, registry, reference, scratch });
}

async function twoLayers(scratch: Scratch) {
  await busyboxImage(scratch);
  const upper = scratch.join("upper");
  await Deno.mkdir(`${upper}/data`, { recursive: true });
  await Deno.writeTextFile(`${upper}/data/one`, "one\n");
  await Deno.writeTextFile(`${upper}/data/two`, "two\n");
  const config = ["--config.cmd", "sh"];
  return await imageOfDirs(scratch.join("two"), [scratch.join("busybox-rootfs"), upper], config);
}

/** Mounts an ext4 of its own, of 48 MiB, at `root`; it goes with the mount. */
export async function smallDisk(root: string): Promise<void> {
  const image = `${root}.ext4`;
  await Deno.writeFile(image, new Uint8Array());
  await Deno.truncate(image, 48 << 20);
  await must("mkfs.ext4", ["-q", "-m", "0", "-O", "^has_journal", image]);
  await Deno.mkdir(root);
  await must("mount", ["-o", "loop", image, root]);
  await Deno.remove(`${root}/lost+found`);
}

/** Standard output of a command that must succeed. */
export async function ok(daemon: Longshore, args: string[], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await daemon.ctr(args, { stdin });
  assert.equal(code, 0, `ctr ${args.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}

/** The file of a blob. */
export const blobFile = ({ root }: Longshore, digest: string) =>
  `${root}/content/blobs/sha256/${digest.slice("sha256:".length)}`;

/** Digests of an image's blobs by what they are: target first, then config and layers. */
export async function partsOf(daemon: Longshore, reference: string) {
  const line = (await ok(daemon, ["images", "ls", `name==${reference}`])).split("\n")[1]!;
  const target = /sha256:[0-9a-f]{64}/.exec(line)![0];
  const manifest = JSON.parse(await ok(daemon, ["content", "get", target]));
  const layers = manifest.layers.map(({ digest }: { digest: string }) => digest) as string[];
  return { target, config: manifest.config.digest as string, layers };
}

/** Flips the bits of a byte in the middle of a file. */
export async function flip(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[bytes.length >> 1]! ^= 0xff;
  await Deno.chmod(path, 0o600);
  await Deno.writeFile(path, bytes);
}

/** The directories of the layers in the snapshotter, lowest first. */
export async function layerDirs({ root }: Longshore): Promise<string[]> {
  const base = `${root}/snapshots/overlayfs`;
  const ids = (await Array.fromAsync(Deno.readDir(base))).map(({ name }) => name)
    .filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(a) - Number(b));
  return ids.map((id) => `${base}/${id}/fs`);
}

/** The directory that holds the layer with the file `name`: the newest, one that was replaced may still be there. */
export async function layerWith(daemon: Longshore, name: string): Promise<string> {
  for (const dir of (await layerDirs(daemon)).reverse()) {
    if (await Deno.lstat(`${dir}/${name}`).then(() => true, () => false)) return dir;
  }
  throw new Error(`no layer has ${name}`);
}
