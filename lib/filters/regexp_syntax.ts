/** Parses the syntax of Go's regular expressions. */
import { classItem, type RuneTest } from "./regexp_class.ts";

/** A part of an expression. */
export type Node =
  | { kind: "rune"; test: RuneTest }
  | { kind: "assert"; test: (before: string, after: string) => boolean }
  | { kind: "all"; nodes: Node[] }
  | { kind: "any"; nodes: Node[] }
  | { kind: "repeat"; node: Node; min: number; max: number };

interface Flags {
  readonly fold: boolean;
  readonly lines: boolean;
  readonly dotAll: boolean;
}

const maxRepeat = 1000;
const maxDepth = 200;
const isWord = (rune: string) => /^\w$/.test(rune);

/** The expression as a tree. Throws an Error that tells what is wrong. */
export function parse(source: string): Node {
  const parser = new Parser(source);
  return parser.whole();
}

class Parser {
  readonly #runes: string[];
  #at = 0;
  #depth = 0;
  #flags: Flags = { fold: false, lines: false, dotAll: false };

  constructor(source: string) {
    this.#runes = [...source];
  }

  whole(): Node {
    const node = this.#any();
    if (this.#at < this.#runes.length) throw new Error("unexpected )");
    return node;
  }

  #any(): Node {
    if (++this.#depth > maxDepth) throw new Error("the expression is nested too deeply");
    const flags = this.#flags;
    const nodes = [this.#all()];
    while (this.#take("|")) nodes.push(this.#all());
    this.#flags = flags;
    this.#depth--;
    return nodes.length === 1 ? nodes[0]! : { kind: "any", nodes };
  }

  #all(): Node {
    const nodes: Node[] = [];
    while (this.#at < this.#runes.length && !"|)".includes(this.#runes[this.#at]!)) {
      nodes.push(this.#repeated());
    }
    return { kind: "all", nodes };
  }

  #repeated(): Node {
    let node = this.#single();
    for (let times = 0;; times++) {
      const bounds = this.#bounds();
      if (!bounds) return node;
      if (times > 0) throw new Error("invalid nested repetition operator");
      this.#take("?");
      const [min, max] = bounds;
      node = { kind: "repeat", node, min, max };
    }
  }

  #bounds(): [number, number] | undefined {
    if (this.#take("*")) return [0, Infinity];
    if (this.#take("+")) return [1, Infinity];
    if (this.#take("?")) return [0, 1];
    const counted = /^\{(\d+)(,?)(\d*)\}/.exec(this.#runes.slice(this.#at, this.#at + 16).join(""));
    if (!counted) return undefined;
    this.#at += counted[0].length;
    const min = Number(counted[1]);
    const max = counted[3] ? Number(counted[3]) : counted[2] ? Infinity : min;
    if (min > maxRepeat || max < min || max !== Infinity && max > maxRepeat) {
      throw new Error(`invalid repeat count ${counted[0]}`);
    }
    return [min, max];
  }

  #single(): Node {
    const rune = this.#runes[this.#at++]!;
    const flags = this.#flags;
    switch (rune) {
      case "(":
        return this.#group();
      case "[":
        return this.#rune(this.#bracket());
      case ".":
        return this.#rune((rune) => flags.dotAll || rune !== "\n");
      case "^":
        return start(flags.lines);
      case "$":
        return end(flags.lines);
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        throw new Error(`missing argument to repetition operator ${rune}`);
      default:
        return this.#literal(rune);
    }
  }

  #group(): Node {
    if (this.#take("?")) {
      const rest = this.#runes.slice(this.#at).join("");
      const head = /^(?:P?<\w+>|([imsU]*)(?:-([imsU]+))?([:)]))/.exec(rest);
      if (!head) throw new Error("invalid or unsupported syntax (?");
      const before = this.#flags;
      this.#at += [...head[0]].length;
      this.#setFlags(head[1] ?? "", head[2] ?? "");
      if (head[3] === ")") return { kind: "all", nodes: [] };
      const node = this.#closed();
      this.#flags = before;
      return node;
    }
    return this.#closed();
  }

  #closed(): Node {
    const node = this.#any();
    if (!this.#take(")")) throw new Error("missing closing )");
    return node;
  }

  #setFlags(on: string, off: string): void {
    const value = (flag: string, now: boolean) => on.includes(flag) || now && !off.includes(flag);
    const { fold, lines, dotAll } = this.#flags;
    this.#flags = { fold: value("i", fold), lines: value("m", lines), dotAll: value("s", dotAll) };
  }

  #escape(): Node {
    const letter = this.#runes[this.#at];
    if (letter === undefined) throw new Error("trailing backslash at end of expression");
    const boundary = (before: string, after: string) => isWord(before) !== isWord(after);
    const known: Record<string, () => Node> = {
      A: () => start(false),
      z: () => end(false),
      b: () => ({ kind: "assert", test: boundary }),
      B: () => ({ kind: "assert", test: (before, after) => !boundary(before, after) }),
      Q: () => this.#quotedRun(),
    };
    if (Object.hasOwn(known, letter)) {
      this.#at++;
      return known[letter]!();
    }
    const item = classItem(this.#runes, this.#at - 1);
    this.#at = item.next;
    return item.rune === undefined ? this.#rune(item.test) : this.#literal(item.rune);
  }

  #quotedRun(): Node {
    const nodes: Node[] = [];
    while (this.#at < this.#runes.length) {
      if (this.#runes[this.#at] === "\\" && this.#runes[this.#at + 1] === "E") {
        this.#at += 2;
        break;
      }
      nodes.push(this.#literal(this.#runes[this.#at++]!));
    }
    return { kind: "all", nodes };
  }

  #bracket(): RuneTest {
    const negated = this.#take("^");
    const tests: RuneTest[] = [];
    for (let first = true; first || this.#runes[this.#at] !== "]"; first = false) {
      if (this.#at >= this.#runes.length) throw new Error("missing closing ]");
      tests.push(this.#range());
    }
    this.#at++;
    const fold = this.#flags.fold;
    const test = (rune: string) => tests.some((test) => test(rune));
    const folded = (rune: string) =>
      test(rune) || fold && (test(rune.toLowerCase()) || test(rune.toUpperCase()));
    return negated ? (rune) => !folded(rune) : folded;
  }

  #range(): RuneTest {
    const from = classItem(this.#runes, this.#at, "bracket");
    this.#at = from.next;
    const dash = this.#runes[this.#at] === "-" && this.#runes[this.#at + 1] !== "]";
    if (!dash || this.#runes[this.#at + 1] === undefined) return from.test;
    const to = classItem(this.#runes, this.#at + 1, "bracket");
    this.#at = to.next;
    const low = from.rune?.codePointAt(0);
    const high = to.rune?.codePointAt(0);
    if (low === undefined || high === undefined || high < low) {
      throw new Error("invalid character class range");
    }
    return (rune) => rune.codePointAt(0)! >= low && rune.codePointAt(0)! <= high;
  }

  #literal(rune: string): Node {
    const lower = rune.toLowerCase();
    return this.#rune(
      this.#flags.fold ? (other) => other.toLowerCase() === lower : (other) => other === rune,
    );
  }

  #rune(test: RuneTest): Node {
    return { kind: "rune", test };
  }

  #take(rune: string): boolean {
    if (this.#runes[this.#at] !== rune) return false;
    this.#at++;
    return true;
  }
}

function start(lines: boolean): Node {
  return { kind: "assert", test: (before) => before === "" || lines && before === "\n" };
}

function end(lines: boolean): Node {
  return { kind: "assert", test: (_, after) => after === "" || lines && after === "\n" };
}
