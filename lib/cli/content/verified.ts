/** Bytes from a registry to the standard output, held against their digest on the way. */
import { createHash } from "node:crypto";
import { failedPrecondition } from "../../errors.ts";
import { openBlob, type Remote } from "../../remotes/mod.ts";
import { writeAll } from "../output/print.ts";

/** Throws NotFound, and FailedPrecondition after the last byte if they are not those of the digest. */
export async function printBlob(remote: Remote, digest: string, signal?: AbortSignal): Promise<void> {
  const size = await remote.sizeOf(digest, signal);
  const [algorithm = ""] = digest.split(":");
  const hash = createHash(algorithm);
  const mediaType = "application/octet-stream";
  for await (const bytes of await openBlob(remote.blob({ mediaType, digest, size }), 0, signal)) {
    hash.update(bytes);
    writeAll(Deno.stdout, bytes);
  }
  const found = `${algorithm}:${hash.digest("hex")}`;
  if (found !== digest) throw failedPrecondition(`${digest}: the registry's bytes have the digest ${found}`);
}
