/** Reads quoted words: Go's escapes, within "...", /.../ or |...|. */

const simple: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  "\\": 92,
};
const digits: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
const encoder = new TextEncoder();

/** What stands between the quotes; undefined if an escape is wrong. `\xNN` and `\NNN` are bytes of UTF-8. */
export function unquote(quoted: string): string | undefined {
  const quote = quoted[0]!;
  const body = quoted.slice(1, -1);
  if (!body.includes("\\")) return body;
  const bytes: number[] = [];
  for (let at = 0; at < body.length;) {
    const plain = /^[^\\]+/.exec(body.slice(at))?.[0];
    if (plain !== undefined) {
      bytes.push(...encoder.encode(plain));
      at += plain.length;
      continue;
    }
    const read = escape(body.slice(at + 1), quote);
    if (!read) return undefined;
    bytes.push(...read.bytes);
    at += 1 + read.length;
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

/** The escape at the start of `text` (backslash taken): its bytes, and how much of the text it is. */
function escape(text: string, quote: string): { bytes: Iterable<number>; length: number } | undefined {
  const letter = text[0] ?? "";
  if (Object.hasOwn(simple, letter)) return { bytes: [simple[letter]!], length: 1 };
  if (letter === quote) return { bytes: encoder.encode(quote), length: 1 };
  const octal = /^[0-7]{3}/.exec(text)?.[0];
  if (octal) {
    const value = parseInt(octal, 8);
    return value > 255 ? undefined : { bytes: [value], length: 3 };
  }
  const count = Object.hasOwn(digits, letter) ? digits[letter]! : 0;
  const hex = text.slice(1, 1 + count);
  if (count === 0 || hex.length < count || !/^[0-9a-fA-F]+$/.test(hex)) return undefined;
  const value = parseInt(hex, 16);
  if (letter === "x") return { bytes: [value], length: 3 };
  if (value > 0x10ffff) return undefined;
  return { bytes: encoder.encode(String.fromCodePoint(value)), length: 1 + count };
}
