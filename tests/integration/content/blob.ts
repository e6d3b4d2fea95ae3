/** Blobs by number, of many lengths, which writer and checker both know. */
import { createHash } from "node:crypto";

export function blobOf(n: number): { bytes: Uint8Array<ArrayBuffer>; digest: string } {
  const bytes = new Uint8Array((n * 7919) % 150_000 + 1);
  for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 31 + n) & 0xff;
  return { bytes, digest: "sha256:" + createHash("sha256").update(bytes).digest("hex") };
}
