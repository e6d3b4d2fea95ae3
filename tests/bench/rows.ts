/** What a benchmark row is: the same work on both sides, alternating, and the median of each. */

/** One side of a comparison. */
export type Side = "ours" | "theirs";

/** A finished row. */
export interface Row {
  work: string;
  unit: string;
  ours: number;
  theirs: number;
  /** What DESIGN.md section 6 allows, as ours / theirs (or theirs / ours where more is better). */
  budget: string;
  /** Whether more is better. */
  rate?: boolean;
}

/** Runs `measure` for both sides in turn, `times` times each after one unmeasured round; gives the medians. */
export async function alternate(
  times: number,
  measure: (side: Side, round: number) => Promise<number>,
): Promise<Record<Side, number>> {
  const figures: Record<Side, number[]> = { ours: [], theirs: [] };
  for (let round = 0; round <= times; round++) {
    const order: Side[] = round % 2 ? ["ours", "theirs"] : ["theirs", "ours"];
    for (const side of order) {
      const figure = await measure(side, round);
      if (round > 0) figures[side].push(figure);
    }
  }
  return { ours: median(figures.ours), theirs: median(figures.theirs) };
}

/** The middle of some figures. */
export function median(figures: number[]): number {
  return quantile(figures, 0.5);
}

/** The figure below which a share of them lies. */
export function quantile(figures: number[], share: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** Milliseconds that some work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** The row as a line of a Markdown table. */
export function line(row: Row): string {
  const ratio = row.ours / row.theirs;
  const figure = (value: number) => `${value.toPrecision(3).replace(/e\+\d+$/, "")} ${row.unit}`;
  return `| ${row.work} | ${figure(row.theirs)} | ${figure(row.ours)} | ${
    ratio.toFixed(2)
  }x | ${row.budget} |`;
}
