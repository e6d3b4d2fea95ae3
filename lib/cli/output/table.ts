/**
 * Columns as Go's text/tabwriter lays them out, which is what scripts over `ctr` know: a cell belongs to a
 * column if a tab ends it; neighbouring lines that have the column share its width.
 */
import { print } from "./print.ts";

/** How a table is laid out. */
export interface Layout {
  /** Least width of a cell with its padding. */
  readonly min: number;
  /** Width of a tab; counts when padding with tabs. */
  readonly tab: number;
  /** Room after a cell. */
  readonly padding: number;
  readonly pad: " " | "\t";
}

/** Most lists: one space between columns. */
export const narrow: Layout = { min: 1, tab: 8, padding: 1, pad: " " };
/** Containers, tasks, plugins: four spaces. */
export const wide: Layout = { min: 4, tab: 8, padding: 4, pad: " " };
/** Content: tabs. */
export const tabbed: Layout = { min: 1, tab: 8, padding: 1, pad: "\t" };

/** Lines whose cells are separated (and, where so written, ended) by tabs, laid out. */
export function layOut(lines: readonly string[], layout: Layout): string {
  const rows = lines.map((line) => line.split("\t"));
  const widths = rows.map(() => [] as number[]);
  const columns = Math.max(0, ...rows.map((row) => row.length - 1));
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < rows.length;) {
      if (rows[row]!.length - 1 <= column) {
        row++;
        continue;
      }
      let end = row;
      let width = layout.min;
      for (; end < rows.length && rows[end]!.length - 1 > column; end++) {
        width = Math.max(width, lengthOf(rows[end]![column]!) + layout.padding);
      }
      for (; row < end; row++) widths[row]![column] = width;
    }
  }
  return rows.map((row, at) =>
    row.map((cell, column) => cell + fill(cell, widths[at]![column], layout)).join("") + "\n"
  )
    .join("");
}

/** Prints lines of cells as a table. */
export function printTable(lines: readonly string[], layout: Layout = narrow): void {
  print(layOut(lines, layout));
}

function fill(cell: string, width: number | undefined, layout: Layout): string {
  if (width === undefined) return "";
  if (layout.pad === " ") return " ".repeat(width - lengthOf(cell));
  const stop = Math.ceil(width / layout.tab) * layout.tab;
  return "\t".repeat(Math.ceil((stop - lengthOf(cell)) / layout.tab));
}

/** Code points, as Go counts a width. */
const lengthOf = (cell: string) => [...cell].length;
