/**
 * Prometheus' text format, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).
 */

/** A metric with all its samples. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly samples: readonly Sample[];
}

/** One value. */
export interface Sample {
  readonly value: number | bigint;
  readonly labels?: Labels;
  /** What follows the name, in a histogram: "_bucket", "_sum", "_count". */
  readonly suffix?: string;
}

/** Labels by name. */
export type Labels = Readonly<Record<string, string>>;

/** The media type of {@linkcode render}'s result. */
export const contentType = "text/plain; version=0.0.4; charset=utf-8";

/** Writes families, sorted by name; those without samples are left out. */
export function render(families: readonly Family[]): string {
  return families.filter(({ samples }) => samples.length)
    .sort((a, b) => a.name < b.name ? -1 : 1)
    .map(renderFamily).join("");
}

function renderFamily({ name, help, type, samples }: Family): string {
  const lines = samples.map(({ value, labels, suffix = "" }) =>
    `${name}${suffix}${renderLabels(labels)} ${renderValue(value)}\n`
  );
  return `# HELP ${name} ${escape(help, /[\\\n]/g)}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function renderLabels(labels: Labels = {}): string {
  const pairs = Object.keys(labels).sort().map((name) => `${name}="${escape(labels[name]!, /[\\\n"]/g)}"`);
  return pairs.length ? `{${pairs.join(",")}}` : "";
}

function renderValue(value: number | bigint): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}

const escape = (text: string, special: RegExp) =>
  text.replaceAll(special, (char) => char === "\n" ? "\\n" : `\\${char}`);
