/** Kinds of characters in Go's regular expressions: escapes and named classes. */

/** Whether a character (one code point) is meant. */
export type RuneTest = (rune: string) => boolean;

/** One item: the character that it is, or the kind. */
interface Item {
  readonly test: RuneTest;
  readonly rune?: string;
  /** Index of what follows. */
  readonly next: number;
}

const perl: Readonly<Record<string, RegExp>> = {
  d: /[0-9]/,
  D: /[^0-9]/,
  w: /[0-9A-Za-z_]/,
  W: /[^0-9A-Za-z_]/,
  s: /[\t\n\f\r ]/,
  S: /[^\t\n\f\r ]/,
};

const posix: Readonly<Record<string, RegExp>> = {
  alnum: /[0-9A-Za-z]/,
  alpha: /[A-Za-z]/,
  ascii: /^\p{ASCII}$/u,
  blank: /[\t ]/,
  cntrl: /^(?=\p{ASCII})\p{Cc}$/u,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[\t\n\v\f\r ]/,
  upper: /[A-Z]/,
  word: /[0-9A-Za-z_]/,
  xdigit: /[0-9A-Fa-f]/,
};

const controls: Readonly<Record<string, string>> = {
  a: "\x07",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

const single = (rune: string, next: number): Item => ({ rune, test: (other) => other === rune, next });

/** The item at `at`: a character, an escape, or within brackets a class such as [:alpha:]. */
export function classItem(runes: readonly string[], at: number, place?: "bracket"): Item {
  const text = runes.slice(at, at + 64).join("");
  if (place && text.startsWith("[:")) return namedClass(text, at);
  const rune = runes[at]!;
  if (rune !== "\\") return single(rune, at + 1);
  const letter = runes[at + 1];
  if (letter === undefined) throw new Error("trailing backslash at end of expression");
  if (Object.hasOwn(perl, letter)) return { test: (other) => perl[letter]!.test(other), next: at + 2 };
  if (Object.hasOwn(controls, letter)) return single(controls[letter]!, at + 2);
  if (letter === "p" || letter === "P") return unicodeClass(text, at);
  const code = /^\\(?:x\{([0-9a-fA-F]{1,8})\}|x([0-9a-fA-F]{2})|(0[0-7]{0,2}|[1-7][0-7]{1,2}))/.exec(text);
  if (code) {
    const value = code[3] ? parseInt(code[3], 8) : parseInt((code[1] ?? code[2])!, 16);
    if (value > 0x10ffff) throw new Error(`invalid escape sequence ${code[0]}`);
    return single(String.fromCodePoint(value), at + code[0].length);
  }
  if (/^[\w]$/.test(letter)) throw new Error(`invalid escape sequence \\${letter}`);
  return single(letter, at + 2);
}

function namedClass(text: string, at: number): Item {
  const named = /^\[:(\^?)(\w+):\]/.exec(text);
  if (!named) return single("[", at + 1);
  const [whole, negated, name] = named;
  if (!Object.hasOwn(posix, name!)) throw new Error(`invalid character class range ${whole}`);
  return { test: (rune) => posix[name!]!.test(rune) !== (negated === "^"), next: at + whole.length };
}

function unicodeClass(text: string, at: number): Item {
  const property = /^\\([pP])(?:\{(\^?)(\w+)\}|(\w))/.exec(text);
  if (!property) throw new Error("invalid character class range \\p");
  const [whole, letter, negated, long, short] = property;
  const name = (long ?? short)!;
  let expression: RegExp;
  try {
    expression = new RegExp(`^\\p{${name}}$`, "u");
  } catch {
    try {
      expression = new RegExp(`^\\p{Script=${name}}$`, "u");
    } catch {
      throw new Error(`invalid character class range ${whole}`);
    }
  }
  const inverse = (letter === "P") !== (negated === "^");
  return { test: (rune) => expression.test(rune) !== inverse, next: at + whole.length };
}
