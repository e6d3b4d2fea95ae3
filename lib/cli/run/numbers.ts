/** Numbers in flags. */
import { usageError } from "../command.ts";

/** A whole number that is not negative; none is 0. */
export function whole(text: string, flag: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) {
    throw usageError(`--${flag} ${JSON.stringify(text)} is not a number`);
  }
  return number;
}

/** Bytes: a number, or one with k, m, g or t (of 1024). */
export function size(text: string, flag: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  const bytes = Math.trunc(Number(digits) * 1024 ** (unit ? "kmgt".indexOf(unit.toLowerCase()) + 1 : 0));
  if (Number.isSafeInteger(bytes)) return bytes;
  throw usageError(`--${flag} ${JSON.stringify(text)} is not a number of bytes (64m, 2g)`);
}
