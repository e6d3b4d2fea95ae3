/**
 * The filter language that lists and subscriptions take.
 *
 * `fieldpath [operator value]`, joined by "," when all must hold; a list of filters matches when any does.
 * A field path is words joined by dots; a word or value in "double quotes" may hold anything. Operators:
 * `==`, `!=` (also true when the field is absent), `~=` (a regular expression found anywhere in the
 * value; it may stand in /slashes/ or |bars|). Without an operator the field must be there.
 *
 * @example
 * ```ts
 * const match = parseFilters([`name~=|^docker[.]io/|,labels."a.b"==x`]);
 * ```
 */
import { messageOf } from "../errors.ts";
import { unquote } from "./quote.ts";
import { compile } from "./regexp.ts";
import { faultAt, Scanner, type Token } from "./scanner.ts";

/** Tells a field of a thing by its path; undefined if it has none. */
export type Fields = (path: string[]) => string | undefined;

type Matcher = (field: Fields) => boolean;

/**
 * The filters as one function; an empty list, or an empty filter in it, matches everything.
 *
 * @throws InvalidArgument, with the place, if one can't be parsed
 */
export function parseFilters(filters: readonly string[]): Matcher {
  if (filters.length === 0) return () => true;
  const parsed = filters.map(parseFilter);
  return (field) => parsed.some((matches) => matches(field));
}

function parseFilter(input: string): Matcher {
  if (input === "") return () => true;
  const scanner = new Scanner(input);
  const selectors = [parseSelector(input, scanner)];
  for (let rune = scanner.peek(); rune !== ""; rune = scanner.peek()) {
    if (rune !== ",") throw faultAt(input, scanner.at, `unexpected input: ${rune}`);
    scanner.next();
    selectors.push(parseSelector(input, scanner));
  }
  return (field) => selectors.every((matches) => matches(field));
}

function parseSelector(input: string, scanner: Scanner): Matcher {
  const path = [parseWord(input, scanner)];
  while (scanner.peek() === ".") {
    scanner.next();
    path.push(parseWord(input, scanner));
  }
  if (scanner.peek() === "" || scanner.peek() === ",") return (field) => field(path) !== undefined;
  const operator = scanner.next();
  if (operator.kind !== "operator") {
    throw faultAt(input, operator.at, `expected an operator ("=="|"!="|"~=")`);
  }
  if (!["==", "!=", "~="].includes(operator.text)) {
    throw faultAt(input, operator.at, `unsupported operator ${JSON.stringify(operator.text)}`);
  }
  const token = scanner.next();
  const value = parseValue(input, token, operator.text === "~=");
  if (operator.text === "==") return (field) => field(path) === value;
  if (operator.text === "!=") return (field) => (field(path) ?? "") !== value;
  const found = expression(input, token, value);
  return (field) => found(field(path) ?? "");
}

function parseWord(input: string, scanner: Scanner): string {
  const token = scanner.next();
  if (token.kind === "field") return token.text;
  if (token.kind === "quoted") return unquoteAt(input, token, "plain");
  throw faultAt(input, token.at, "expected field or quoted");
}

function parseValue(input: string, token: Token, isExpression: boolean): string {
  if (token.kind === "value" || token.kind === "field") return token.text;
  if (token.kind === "quoted") return unquoteAt(input, token, isExpression ? "expression" : "plain");
  throw faultAt(input, token.at, "expected value or quoted");
}

function unquoteAt(input: string, token: Token, kind: "plain" | "expression"): string {
  if (kind === "plain" && token.text[0] !== '"') throw faultAt(input, token.at, "invalid quote encountered");
  const value = unquote(token.text);
  if (value === undefined) throw faultAt(input, token.at, "unquoting failed: quote syntax error");
  return value;
}

function expression(input: string, token: Token, source: string): (text: string) => boolean {
  try {
    return compile(source);
  } catch (error) {
    throw faultAt(input, token.at, messageOf(error));
  }
}
