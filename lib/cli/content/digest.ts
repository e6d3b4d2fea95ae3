/** Digests on the command line. */
import { invalidArgument } from "../../errors.ts";

const pattern = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;

/** `text`, if it is a digest. Throws InvalidArgument. */
export function parseDigest(text: string): string {
  if (pattern.test(text)) return text;
  throw invalidArgument(`${JSON.stringify(text)} is not a digest (sha256: and 64 hexadecimal digits)`);
}
