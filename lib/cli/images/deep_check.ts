/** `ctr images check --deep`: what the daemon says when it reads everything. */
import { Finding_Kind } from "../../api/services/maintenance/v1/maintenance.ts";
import type { Image } from "../../api/services/images/v1/images.ts";
import { checkImages, type CheckResponse } from "../../client/maintenance.ts";
import type { Daemon } from "../connect.ts";

/** The answers, in the order of the images. */
export async function deepCheck(
  daemon: Daemon,
  images: readonly Image[],
  snapshotter: string,
): Promise<CheckResponse[]> {
  if (!images.length) return [];
  const options = { snapshotter, signal: daemon.globals.signal };
  return await Array.fromAsync(checkImages(daemon, images.map(({ name }) => name), options));
}

/** In a few words. */
export function verdict({ findings, blobs, layers, skipped }: CheckResponse): string {
  if (findings.length) return `damaged (${findings.length})`;
  const left = skipped.length ? `, ${skipped.length} not compared` : "";
  return `ok (${blobs} blobs, ${layers} snapshots${left})`;
}

/** A line for each finding, and for what couldn't be looked at. */
export function details({ image, findings, skipped }: CheckResponse): string[] {
  const lines = findings.map(({ kind, name, problem }) =>
    kind === Finding_Kind.BLOB
      ? `${image}: blob ${name} ${problem}\n`
      : `${image}: snapshot ${name}: ${problem}\n`
  );
  if (findings.length) lines.push(`${image}: to mend it: ctr images repair ${image}\n`);
  return [...lines, ...skipped.map((what) => `${image}: not compared: ${what}\n`)];
}
