/**
 * Reads a command line, as Go's flag package does (`-x v`, `--x v`, `--x=v`, one dash or two), and more
 * kindly: flags may follow arguments, and switches of one letter may be run together.
 */
import { type Flag, type Flags, usageError } from "./command.ts";
import { nearest } from "./nearest.ts";

/** What a command line holds. */
export interface Parsed {
  readonly flags: Flags;
  readonly args: string[];
}

/**
 * Reads `words` by the flags in `known`; of two flags of one name the first counts. After `operands`
 * arguments the rest is taken as it is.
 */
export function parse(words: readonly string[], known: readonly Flag[], operands = Infinity): Parsed {
  const table = index(known);
  const values = new Map<string, string[]>();
  const args: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (args.length >= operands) {
      args.push(...words.slice(at));
      break;
    }
    if (word === "--") {
      args.push(...words.slice(at + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      args.push(word);
      continue;
    }
    const equals = word.indexOf("=");
    const name = (equals < 0 ? word : word.slice(0, equals)).replace(/^--?/, "");
    const given = equals < 0 ? undefined : word.slice(equals + 1);
    const flags = lookUp(table, name, word);
    for (const flag of flags) {
      const value = given ?? (flag.value ? words[++at] : "true");
      if (value === undefined) throw usageError(`flag needs ${article(flag.value!)}: --${flag.name}`);
      if (!flag.value && !booleans.has(value)) {
        throw usageError(`--${flag.name} is a switch: ${JSON.stringify(value)} is neither true nor false`);
      }
      values.set(flag.name, [...values.get(flag.name) ?? [], value]);
    }
  }
  return { flags: reader(table, values), args };
}

const booleans = new Map([["true", true], ["1", true], ["t", true], ["false", false], ["0", false], [
  "f",
  false,
]]);

const article = (value: string) => `${/^[aeiou]/.test(value) ? "an" : "a"} ${value}`;

type Table = Map<string, Flag>;

function index(known: readonly Flag[]): Table {
  const table: Table = new Map();
  for (const flag of known) {
    if (!table.has(flag.name)) table.set(flag.name, flag);
    if (flag.short && !table.has(flag.short)) table.set(flag.short, flag);
  }
  return table;
}

/** The flag a word names, or the switches of one letter that it runs together. */
function lookUp(table: Table, name: string, word: string): Flag[] {
  const exact = table.get(name);
  if (exact) return [exact];
  const letters = word.startsWith("--") ? [] : [...name].map((letter) => table.get(letter));
  if (letters.length > 1 && letters.every((flag) => flag && !flag.value)) return letters as Flag[];
  const like = nearest(name, [...table.keys()].filter((key) => key.length > 1));
  throw usageError(`flag provided but not defined: -${name}${like ? ` (did you mean --${like}?)` : ""}`);
}

function reader(table: Table, values: Map<string, string[]>): Flags {
  const text = (name: string) => {
    const flag = table.get(name);
    return values.get(name)?.at(-1) ?? fromEnvironment(flag) ?? flag?.default ?? "";
  };
  return {
    has: (name) => values.has(name),
    on: (name) => booleans.get(text(name)) ?? false,
    text,
    list: (name) => values.get(name) ?? [],
  };
}

function fromEnvironment(flag: Flag | undefined): string | undefined {
  return flag?.env ? Deno.env.get(flag.env) || undefined : undefined;
}
