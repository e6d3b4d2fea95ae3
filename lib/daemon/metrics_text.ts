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

/** Milliseconds of writing after which others get their turn. */
const SLICE = 5;

/**
 * Writes families, sorted by name; those without samples are left out, and those of one name are one. They may be
 * many: where they are made one by one, making and writing them makes pauses for other work.
 */
export async function render(families: Iterable<Family>): Promise<string> {
  const written = new Map<string, string>();
  let since = performance.now();
  for (const family of families) {
    const { name, samples } = family;
    if (samples.length) written.set(name, (written.get(name) ?? heading(family)) + lines(family));
    if (performance.now() - since < SLICE) continue;
    await new Promise((resolve) => setTimeout(resolve, 0));
    since = performance.now();
  }
  return [...written].sort(([a], [b]) => a < b ? -1 : 1).map(([, text]) => text).join("");
}

const heading = ({ name, help, type }: Family) =>
  `# HELP ${name} ${escape(help, /[\\\n]/g)}\n# TYPE ${name} ${type}\n`;

function lines({ name, samples }: Family): string {
  return samples.map(({ value, labels, suffix = "" }) =>
    `${name}${suffix}${labels ? textOf(labels) : ""} ${renderValue(value)}\n`
  ).join("");
}

// A container's labels are the same for most of its metrics.
const texts = new WeakMap<Labels, string>();

function textOf(labels: Labels): string {
  let text = texts.get(labels);
  if (text === undefined) texts.set(labels, text = renderLabels(labels));
  return text;
}

function renderLabels(labels: Labels): string {
  const pairs = Object.keys(labels).sort().map((name) => `${name}="${escape(labels[name]!, /[\\\n"]/g)}"`);
  return pairs.length ? `{${pairs.join(",")}}` : "";
}

function renderValue(value: number | bigint): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}

const escape = (text: string, special: RegExp) =>
  text.replaceAll(special, (char) => char === "\n" ? "\\n" : `\\${char}`);
