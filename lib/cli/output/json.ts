/** JSON as Go's ctr prints it: four spaces, keys in the order given, numbers as they came. */

/** `json` laid out over lines. Its numbers stay as they are written, however many digits they have. */
export function indentJson(json: string): string {
  let out = "";
  let depth = 0;
  let at = 0;
  const newline = () => "\n" + "    ".repeat(depth);
  while (at < json.length) {
    const char = json[at]!;
    if (char === '"') {
      const end = endOfString(json, at);
      out += json.slice(at, end);
      at = end;
      continue;
    }
    if (char === "{" || char === "[") {
      const close = nextInk(json, at + 1);
      if (json[close] === "}" || json[close] === "]") {
        out += char + json[close];
        at = close + 1;
        continue;
      }
      depth++;
      out += char + newline();
    } else if (char === "}" || char === "]") {
      depth--;
      out += newline() + char;
    } else if (char === ",") out += char + newline();
    else if (char === ":") out += ": ";
    else if (!isSpace(char)) out += char;
    at++;
  }
  return out;
}

/** One JSON object from keys and values that are JSON already; keys without a value are left out. */
export function objectOf(entries: Record<string, string | undefined>): string {
  const parts = Object.entries(entries).filter(([, json]) => json !== undefined)
    .map(([key, json]) => `${quote(key)}:${json}`);
  return `{${parts.join(",")}}`;
}

/** A value as Go writes it: `<`, `>`, `&` escaped, keys of maps sorted by the caller. */
export function quote(value: unknown): string {
  const json = JSON.stringify(value, (_key, part) => typeof part === "bigint" ? Number(part) : part);
  return json.replaceAll(
    /[<>&\u2028\u2029]/g,
    (char) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}

/** A map with its keys in order, as Go writes maps; undefined when empty. */
export function mapOf(map: Record<string, string>): string | undefined {
  const keys = Object.keys(map).sort();
  return keys.length ? quote(Object.fromEntries(keys.map((key) => [key, map[key]]))) : undefined;
}

const isSpace = (char: string | undefined) => char === " " || char === "\n" || char === "\t" || char === "\r";

function nextInk(json: string, at: number): number {
  while (isSpace(json[at])) at++;
  return at;
}

function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
  return at + 1;
}
