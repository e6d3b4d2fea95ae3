/** What a mistyped word was probably meant to be. */

/** The candidate nearest to `word`, if one is near enough to be a slip. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.floor(word.length / 3) + 1.5;
  for (const candidate of candidates) {
    const steps = candidate.startsWith(word) && word.length > 1 ? 1 : distance(word, candidate);
    if (steps < least) [best, least] = [candidate, steps];
  }
  return best;
}

/** How many letters must be put in, taken out, changed or swapped to make one word the other. */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const next = [row];
    for (let column = 1; column <= b.length; column++) {
      const change = last[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      let steps = Math.min(change, last[column]! + 1, next[column - 1]! + 1);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) steps = Math.min(steps, before[column - 2]! + 1);
      next.push(steps);
    }
    [before, last] = [last, next];
  }
  return last[b.length]!;
}
