/** The Huffman code of HTTP/2's header fields. Source: RFC 7541, appendix B. */
import { ConnectionError, ErrorCode } from "./frame.ts";

/**
 * How many bits the code of each byte has. That is all one has to know: codes are given out by length, and among
 * those of a length by byte, each one more than the one before.
 */
// deno-fmt-ignore
const lengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22,
  23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22,
  22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27,
  24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26,
  27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

const longest = 30;

/** Of each length: the first code, how many there are, and where their bytes begin in `bytesByCode`. */
const firstCode: number[] = new Array(longest + 1).fill(0);
const codes: number[] = new Array(longest + 1).fill(0);
const firstAt: number[] = new Array(longest + 1).fill(0);
const bytesByCode = lengths.map((_, byte) => byte).sort((a, b) => lengths[a]! - lengths[b]! || a - b);
for (const length of lengths) codes[length]!++;
for (let length = 1; length <= longest; length++) {
  firstCode[length] = firstCode[length - 1]! + codes[length - 1]! << 1;
  firstAt[length] = firstAt[length - 1]! + codes[length - 1]!;
}

/** The bytes that `coded` stands for. What follows the last whole code must be less than eight bits, all ones. */
export function decodeHuffman(coded: Uint8Array): Uint8Array {
  // The shortest code has five bits.
  const decoded = new Uint8Array(Math.floor(coded.length * 8 / 5));
  let count = 0;
  let code = 0;
  let length = 0;
  for (const byte of coded) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code << 1 | byte >> bit & 1;
      length++;
      const n = code - firstCode[length]!;
      if (n >= 0 && n < codes[length]!) {
        decoded[count++] = bytesByCode[firstAt[length]! + n]!;
        code = length = 0;
      } else if (length === longest) {
        throw new ConnectionError(ErrorCode.CompressionError, "no code of Huffman's");
      }
    }
  }
  if (length > 7 || code !== (1 << length) - 1) {
    throw new ConnectionError(ErrorCode.CompressionError, "padding that is none");
  }
  return decoded.subarray(0, count);
}
