/** JSON whose large numbers stay as they are: limits of 2^64-1 are common in specs. */

interface Source {
  source?: string;
}

/** Parses; whole numbers that JavaScript would round are kept as they are written. */
// deno-lint-ignore no-explicit-any
export function parseExact(text: string): any {
  // Most texts have no such numbers, and are read ten times as fast.
  if (!longNumber.test(text)) return JSON.parse(text);
  const keep = (_key: string, value: unknown, context?: Source) =>
    typeof value === "number" && !Number.isSafeInteger(value) && context?.source &&
      /^-?\d+$/.test(context.source)
      ? rawJson(context.source)
      : value;
  return JSON.parse(text, keep as Parameters<typeof JSON.parse>[1]);
}

/** Of at least as many digits as Number.MAX_SAFE_INTEGER. */
const longNumber = /\d{16}/;

// TypeScript's library doesn't know it yet (ECMAScript 2026).
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;
