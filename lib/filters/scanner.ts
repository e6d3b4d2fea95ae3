/** Cuts a filter into tokens. */
import { invalidArgument } from "../errors.ts";

export type TokenKind = "field" | "value" | "quoted" | "separator" | "operator" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** As written, quotes included. */
  readonly text: string;
  /** Index of its first character in the filter. */
  readonly at: number;
}

const quotes = `"/|`;
const fieldRunes = /[A-Za-z0-9_]/;
const space = /\s/;
/** What may stand in a value without quotes: whatever is visible, but for ",". A quote may not begin it. */
const valueRunes = /[^,\P{L}]|[^,\P{M}]|[^,\P{N}]|[^,\P{S}]|[^,\P{P}]/u;

/** InvalidArgument that shows the place in the filter. */
export function faultAt(input: string, at: number, what: string): Error {
  const rune = at < input.length ? String.fromCodePoint(input.codePointAt(at)!) : "";
  const shown = rune ? `${input.slice(0, at)} >|${rune}|< ${input.slice(at + rune.length)}` : input;
  return invalidArgument(`filters: parse error: [${shown}]: ${what}`);
}

/** A scanner over one filter. After an operator the next word is a value, which may hold more than a field. */
export class Scanner {
  readonly #input: string;
  #at = 0;
  #value = false;

  constructor(input: string) {
    this.#input = input;
  }

  /** The next character that is not a space, or "" at the end. Takes nothing. */
  peek(): string {
    this.#skipSpace();
    return this.#rune();
  }

  get at(): number {
    return this.#at;
  }

  next(): Token {
    this.#skipSpace();
    const at = this.#at;
    const rune = this.#rune();
    const token = (kind: TokenKind): Token => ({ kind, text: this.#input.slice(at, this.#at), at });
    if (rune === "") return token("end");
    if (rune === "\0") throw faultAt(this.#input, at, "unexpected null");
    if (quotes.includes(rune)) {
      this.#takeQuoted(rune);
      return token("quoted");
    }
    if (rune === "," || rune === ".") {
      this.#at++;
      this.#value = false;
      return token("separator");
    }
    if ("=!~".includes(rune)) {
      this.#take((next) => "=!~".includes(next));
      this.#value = true;
      return token("operator");
    }
    const kind = this.#value ? "value" : "field";
    if (this.#value) this.#take((next) => valueRunes.test(next));
    else this.#take((next) => fieldRunes.test(next));
    this.#value = false;
    if (this.#at === at) throw faultAt(this.#input, at, `unexpected input: ${rune}`);
    return token(kind);
  }

  #rune(): string {
    const point = this.#input.codePointAt(this.#at);
    return point === undefined ? "" : String.fromCodePoint(point);
  }

  #skipSpace(): void {
    while (space.test(this.#rune())) this.#at++;
  }

  #take(want: (rune: string) => boolean): void {
    for (let rune = this.#rune(); rune !== "" && want(rune); rune = this.#rune()) this.#at += rune.length;
  }

  #takeQuoted(quote: string): void {
    const start = this.#at++;
    for (let rune = this.#rune(); rune !== quote; rune = this.#rune()) {
      if (rune === "\\") this.#at++;
      if (this.#rune() === "" || rune === "\n") {
        throw faultAt(this.#input, start, "quoted literal not terminated");
      }
      this.#at += this.#rune().length;
    }
    this.#at++;
  }
}
