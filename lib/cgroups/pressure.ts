/** How long processes had to wait (Documentation/accounting/psi.rst). */
import type { PSIData, PSIStats } from "../api/cgroups/v2/metrics.ts";
import { parseNumber, readLines } from "./files.ts";

/** Lines `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`; undefined where the host doesn't count pressure. */
export function readPressure(path: string): PSIStats | undefined {
  const lines = readLines(path);
  if (!lines.length) return undefined;
  const lineOf = (kind: string): PSIData | undefined => {
    const [, ...pairs] = lines.find(([name]) => name === kind) ?? [];
    if (!pairs.length) return undefined;
    const values = new Map(pairs.map((pair) => pair.split("=") as [string, string]));
    const average = (name: string) => Number(values.get(name)) || 0;
    return {
      avg10: average("avg10"),
      avg60: average("avg60"),
      avg300: average("avg300"),
      total: parseNumber(values.get("total")),
    };
  };
  return { some: lineOf("some"), full: lineOf("full") };
}
