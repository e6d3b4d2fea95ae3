/**
 * The YAML that configuration files are written in: maps, lists and plain or quoted words, nested by indentation,
 * with comments; lists also as `[a, b]`. What goes beyond (anchors, tags, blocks of text, many documents) is
 * refused, never misread. Source: yaml.org/spec/1.2.2.
 */

/** What such a text means. All words stay texts. */
export type Yaml = string | Yaml[] | { [key: string]: Yaml } | null;

interface Line {
  readonly number: number;
  indent: number;
  text: string;
}

/** Reads a text. Throws an Error that names the line of what it can't read. */
export function parseSimpleYaml(source: string): Yaml {
  const lines = source.split("\n").map((raw, at) => lineOf(raw.replace(/\r$/, ""), at + 1))
    .filter(({ text }) => text && text !== "---");
  if (!lines.length) return null;
  const value = readBlock(lines, lines[0]!.indent);
  if (lines.length) throw complaint(lines[0]!, "it is indented less than what it belongs to");
  return value;
}

function lineOf(raw: string, number: number): Line {
  const indent = raw.length - raw.trimStart().length;
  const line = { number, indent, text: withoutComment(raw).trim() };
  if (line.text && raw.slice(0, indent).includes("\t")) throw complaint(line, "it is indented by a tab");
  return line;
}

/** A comment begins at a `#` after a space, outside of quotes. */
function withoutComment(raw: string): string {
  const match = /^(?:"(?:[^"\\]|\\.)*"|'[^']*'|(?<!\s|^)#|[^#])*/.exec(raw);
  return match?.[0] ?? "";
}

function readBlock(lines: Line[], indent: number): Yaml {
  const [first] = lines;
  if (!first || first.indent < indent) return null;
  if (isItem(first)) return readList(lines, first.indent);
  return splitKey(first) ? readMap(lines, first.indent) : readWord(lines.shift()!);
}

const isItem = ({ text }: Line) => text === "-" || text.startsWith("- ");

function readList(lines: Line[], indent: number): Yaml[] {
  const items: Yaml[] = [];
  while (lines[0]?.indent === indent && isItem(lines[0])) {
    const line = lines[0];
    const rest = line.text.slice(1).trimStart();
    if (!rest) {
      lines.shift();
      items.push(readBlock(lines, indent + 1));
    } else {
      // What follows the dash is the first line of the item, as far in as it stands.
      line.indent += line.text.length - rest.length;
      line.text = rest;
      items.push(readBlock(lines, line.indent));
    }
  }
  if (lines[0] && lines[0].indent > indent) throw complaint(lines[0], "it belongs to nothing");
  return items;
}

function readMap(lines: Line[], indent: number): { [key: string]: Yaml } {
  const map = new Map<string, Yaml>();
  while (lines[0]?.indent === indent && !isItem(lines[0])) {
    const line = lines.shift()!;
    const [key, rest] = splitKey(line) ?? [];
    if (key === undefined) throw complaint(line, "it is no KEY: VALUE");
    if (map.has(key)) throw complaint(line, `${key} is there twice`);
    // A list may stand as far out as its key.
    const inner = lines[0]?.indent === indent && isItem(lines[0]) ? indent : indent + 1;
    map.set(key, rest ? readWord({ ...line, text: rest }) : readBlock(lines, inner));
  }
  if (lines[0] && lines[0].indent > indent) throw complaint(lines[0], "it belongs to nothing");
  return Object.fromEntries(map);
}

function splitKey({ text }: Line): [key: string, rest: string] | undefined {
  const [, quoted, plain, rest] =
    /^(?:"([^"\\]*)"|([^\s"'[\]{}&*!|>%@`:,][^:]*?))\s*:(?:\s+(.*))?$/.exec(text) ??
      [];
  const key = quoted ?? plain;
  return key === undefined ? undefined : [key, rest ?? ""];
}

function readWord(line: Line): Yaml {
  const { text } = line;
  if (text.startsWith("[")) {
    if (!text.endsWith("]")) throw complaint(line, "a list in brackets has to end on its line");
    const inner = text.slice(1, -1).trim();
    return inner ? inner.split(",").map((word) => readWord({ ...line, text: word.trim() })) : [];
  }
  if (/^"(?:[^"\\]|\\.)*"$/.test(text)) return JSON.parse(text);
  if (/^'[^']*'$/.test(text)) return text.slice(1, -1);
  if (!text || /^["'[\]{}&*!|>%@`]/.test(text) || text.includes(": ")) {
    throw complaint(line, `${JSON.stringify(text)} is more than plain maps, lists and words`);
  }
  return text === "~" || text === "null" ? null : text;
}

const complaint = ({ number }: Line, what: string) => new Error(`line ${number}: ${what}`);
