/** The command line: finds the command, reads its flags, runs it, and says what went wrong. */
import type { Command, Flag } from "./command.ts";
import { usageError } from "./command.ts";
import { globalFlags, readGlobals } from "./globals.ts";
import { tidyCompiled } from "./compiled.ts";
import { nearest } from "./nearest.ts";
import { parse, type Parsed } from "./parse.ts";
import { commands } from "./root.ts";
import { parseShimCommand } from "./shim_command.ts";

/** Runs one command line; the exit code. Prints errors itself. */
export async function main(words: readonly string[]): Promise<number> {
  try {
    return await dispatch(words);
  } catch (error) {
    const { report } = await import("./report.ts");
    return report(error, words.includes("--debug"));
  } finally {
    await tidyCompiled();
  }
}

async function dispatch(words: readonly string[]): Promise<number> {
  const asked = parseShimCommand(words);
  if (asked) {
    await (await import("../shim/mod.ts")).runShimExecutable(asked);
    return 0;
  }
  const front = parse(words, globalFlags, 1);
  if (front.flags.on("version")) return await showVersion();
  const [name, ...rest] = front.args;
  if (!name) return await help("ctr", undefined, commands);
  if (name === "help" || name === "h") return await helpAbout(rest);
  return await follow(front, "ctr", name, rest, commands, []);
}

/** Goes down from a table of commands to the one that is named, and runs it. */
async function follow(
  front: Parsed,
  prefix: string,
  name: string,
  words: readonly string[],
  table: readonly Command[],
  groupFlags: readonly Flag[],
): Promise<number> {
  const command = find(table, name, prefix);
  const path = `${prefix} ${command.name}`;
  const own = [...await flagsOf(command), ...groupFlags];
  if (command.raw) {
    const none = parse([], globalFlags);
    const { run } = await command.load!();
    const globals = readGlobals(front.flags, none.flags, () => true);
    return await run({ globals, flags: none.flags, args: words, command, path }) ?? 0;
  }
  const known = [...own, ...globalFlags.filter((flag) => flag.name !== "version")];
  const parsed = parse(words, known, command.group ? 1 : command.operands);
  if (command.group) {
    const { commands } = await command.group();
    const [next, ...rest] = parsed.args;
    if (!next || parsed.flags.on("help")) return await help(path, command, commands);
    if (next === "help" || next === "h") return await helpAbout([command.name, ...rest]);
    // Flags in front of the subcommand are read again with its own: a group's flags hold on either side.
    const before = words.slice(0, words.length - rest.length - 1);
    return await follow(front, path, next, [...before, ...rest], commands, own);
  }
  if (parsed.flags.on("help")) return await help(path, command);
  const globals = readGlobals(front.flags, parsed.flags, (name) => own.some((flag) => flag.name === name));
  const { run } = await command.load!();
  return await run({ globals, ...parsed, command, path }) ?? 0;
}

/** The command of a name or alias. */
export function find(table: readonly Command[], name: string, prefix: string): Command {
  const found = table.find((command) => command.name === name || command.aliases?.includes(name));
  if (found) return found;
  const like = nearest(
    name,
    table.flatMap((command) => command.hidden ? [] : [command.name, ...command.aliases ?? []]),
  );
  throw usageError(
    `${JSON.stringify(name)} is not a command of ${prefix}` +
      (like ? `: did you mean "${prefix} ${like}"?` : `: see "${prefix} --help"`),
  );
}

async function helpAbout(names: readonly string[]): Promise<number> {
  let [path, table, command] = [
    "ctr",
    commands as readonly Command[] | undefined,
    undefined as Command | undefined,
  ];
  for (const name of names) {
    command = find(table ?? [], name, path);
    path += ` ${command.name}`;
    table = command.group && (await command.group()).commands;
  }
  return await help(path, command, table);
}

async function help(path: string, command?: Command, table?: readonly Command[]): Promise<number> {
  await (await import("./help.ts")).showHelp(path, command, table);
  return 0;
}

async function showVersion(): Promise<number> {
  const { print } = await import("./output/print.ts");
  const { version } = await import("../version.ts");
  print(`ctr longshore ${version}\n`);
  return 0;
}

/** A command's own flags. */
async function flagsOf(command: Command): Promise<readonly Flag[]> {
  return command.flags ?? await command.lazyFlags?.() ?? [];
}
