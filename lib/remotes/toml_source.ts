/** A TOML file, for errors that tell where in it. */
import { parse, TomlError } from "smol-toml";
import { type CtrError, invalidArgument } from "../errors.ts";

export type Table = Record<string, unknown>;

export interface TomlSource {
  readonly path: string;
  readonly text: string;
}

/** Its values. Throws InvalidArgument with file and line. */
export function parsed({ path, text }: TomlSource): Table {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw invalidArgument(`${path}:${error.line}: ${error.message.split("\n")[0]}`, { cause: error });
  }
}

export const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The error of a key, with the line it stands in; `section` is what the header of its table has in it. */
export function wrong({ path, text }: TomlSource, section: string, key: string, why: string): CtrError {
  return invalidArgument(`${path}:${lineOf(text, section, key)}: ${key} ${why}`);
}

function lineOf(text: string, section: string, key: string): number {
  const lines = text.split("\n");
  const isKey = (line: string) => {
    const start = line.trimStart().replace(/^["']/, "");
    return start.startsWith(key) && /^["'\s=.]/.test(start.slice(key.length));
  };
  let inSection = section === "";
  for (const [at, line] of lines.entries()) {
    if (/^\s*\[/.test(line)) inSection = section !== "" && line.includes(section);
    else if (inSection && isKey(line)) return at + 1;
  }
  return lines.findIndex((line) => line.includes(key)) + 1 || 1;
}
