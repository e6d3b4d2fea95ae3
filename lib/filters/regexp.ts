/**
 * Regular expressions in Go's syntax (RE2), matched in time linear in the text: all states are followed at
 * once, so no expression that a client sends can make the daemon hang. Only whether there is a match is told.
 */
import { type Node, parse } from "./regexp_syntax.ts";

/** One step of the machine. `next` and `other` are indices of steps. */
type Step =
  | { kind: "rune"; test: (rune: string) => boolean; next: number }
  | { kind: "split"; next: number; other: number }
  | { kind: "assert"; test: (before: string, after: string) => boolean; next: number }
  | { kind: "match" };

const maxSteps = 5000;

/** A function that tells whether `source` is found anywhere in a text. Throws if `source` is no expression. */
export function compile(source: string): (text: string) => boolean {
  const steps: Step[] = [{ kind: "match" }];
  const start = build(parse(source), 0, steps);
  return (text) => run(steps, start, text);
}

/** Adds the steps of `node`, which go on at `next`; returns where they start. */
function build(node: Node, next: number, steps: Step[]): number {
  switch (node.kind) {
    case "rune":
      return add(steps, { kind: "rune", test: node.test, next });
    case "assert":
      return add(steps, { kind: "assert", test: node.test, next });
    case "all":
      return node.nodes.reduceRight((after, inner) => build(inner, after, steps), next);
    case "any":
      return node.nodes.map((inner) => build(inner, next, steps))
        .reduceRight((other, start) => add(steps, { kind: "split", next: start, other }));
    case "repeat":
      return buildRepeat(node, next, steps);
  }
}

function buildRepeat(node: Node & { kind: "repeat" }, next: number, steps: Step[]): number {
  let start = next;
  if (node.max === Infinity) {
    const loop = { kind: "split", next: 0, other: next } as Step & { kind: "split" };
    start = add(steps, loop);
    loop.next = build(node.node, start, steps);
  } else {
    for (let n = node.min; n < node.max; n++) {
      start = add(steps, { kind: "split", next: build(node.node, start, steps), other: next });
    }
  }
  for (let n = 0; n < node.min; n++) start = build(node.node, start, steps);
  return start;
}

function add(steps: Step[], step: Step): number {
  if (steps.length >= maxSteps) throw new Error("the expression is too large");
  return steps.push(step) - 1;
}

function run(steps: readonly Step[], start: number, text: string): boolean {
  let states = new Set<number>();
  let before = "";
  for (const rune of [...text, ""]) {
    const reached = new Set(states);
    reached.add(start);
    // A set goes on over what is added while it is walked.
    for (const index of reached) {
      const step = steps[index]!;
      if (step.kind === "match") return true;
      if (step.kind === "split") reached.add(step.next).add(step.other);
      else if (step.kind === "assert" && step.test(before, rune)) reached.add(step.next);
    }
    states = new Set();
    for (const index of reached) {
      const step = steps[index]!;
      if (rune !== "" && step.kind === "rune" && step.test(rune)) states.add(step.next);
    }
    before = rune;
  }
  return false;
}
