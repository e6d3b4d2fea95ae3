/** What a benchmark row is: the same work on both sides, alternating, and the median of each. */

/** One side of a comparison. */
export type Side = "ours" | "theirs";

/** What DESIGN.md section 6 allows ours to be: in proportion to theirs, or by itself. */
export type Budget = { atMost: number; of: "theirs" | "itself" } | { atLeast: number; of: "theirs" };

/** A finished row. */
export interface Row {
  work: string;
  unit: string;
  ours: number;
  theirs: number;
  budget?: Budget;
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

/** Whether the row keeps to its budget; one without a budget does. */
export function isWithin({ budget, ours, theirs }: Row): boolean {
  if (!budget) return true;
  const figure = budget.of === "theirs" ? ours / theirs : ours;
  return "atMost" in budget ? figure <= budget.atMost : figure >= budget.atLeast;
}

/** Rows as a Markdown table. */
export function table(rows: Row[]): string {
  return [
    "| work | containerd | Longshore | ratio | budget | |",
    "| --- | ---: | ---: | ---: | ---: | --- |",
    ...rows.map(line),
  ].join("\n");
}

function line(row: Row): string {
  const ratio = `${(row.ours / row.theirs).toFixed(2)}x`;
  const verdict = !row.budget ? "" : isWithin(row) ? "met" : "**missed**";
  const cells = [
    row.work,
    figure(row.theirs, row.unit),
    figure(row.ours, row.unit),
    ratio,
    words(row),
    verdict,
  ];
  return `| ${cells.join(" | ")} |`;
}

function words({ budget, unit }: Row): string {
  if (!budget) return "";
  const [sign, number] = "atMost" in budget ? ["<=", budget.atMost] : [">=", budget.atLeast];
  return `${sign} ${number}${budget.of === "theirs" ? "x" : ` ${unit}`}`;
}

/** Three digits that mean something. */
function figure(value: number, unit: string): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${unit}`;
}
