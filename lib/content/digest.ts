/** Digests: `algorithm:hex`. Source: OCI image spec, descriptor.md. */
import { invalidArgument } from "../errors.ts";

/** Hex digits of each algorithm that a blob may be named by. */
const lengths: Record<string, number> = { sha256: 64, sha384: 96, sha512: 128 };

/** A digest in its parts. */
export interface Digest {
  readonly algorithm: string;
  readonly hex: string;
}

/** The parts of a digest. Throws InvalidArgument for what is none, a path say. */
export function parseDigest(digest: string): Digest {
  const match = /^([a-z0-9]+):([a-f0-9]+)$/.exec(digest);
  const [, algorithm = "", hex = ""] = match ?? [];
  if (!match || lengths[algorithm] === undefined || hex.length !== lengths[algorithm]) {
    throw invalidArgument(`${JSON.stringify(digest.slice(0, 200))} is not a digest`);
  }
  return { algorithm, hex };
}
