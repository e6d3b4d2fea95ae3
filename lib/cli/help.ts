/** Help, for a newcomer: what it does, how it is written, one example that works. */
import type { Command, Flag } from "./command.ts";
import { globalFlags } from "./globals.ts";
import { print } from "./output/print.ts";
import { layOut } from "./output/table.ts";

const layout = { min: 0, tab: 8, padding: 2, pad: " " } as const;
const indent = "   ";

/** Prints what there is to know of a command, a group (with `table`), or the program. */
export async function showHelp(path: string, command?: Command, table?: readonly Command[]): Promise<void> {
  const flags = command ? command.flags ?? await command.lazyFlags?.() ?? [] : globalFlags;
  print(
    sections(path, command, table, flags).filter(([, lines]) => lines.length > 0).map(([title, lines]) =>
      `${title}:\n${lines.map((line) => line && indent + line).join("\n")}\n`
    ).join("\n"),
  );
}

type Section = [title: string, lines: string[]];

function sections(
  path: string,
  command: Command | undefined,
  table: readonly Command[] | undefined,
  flags: readonly Flag[],
): Section[] {
  const what = command?.usage ??
    "runs containers: the command line, the daemon and the library's own program";
  return [
    ["NAME", [`${path} - ${what}`]],
    ["USAGE", [usageLine(path, command, table)]],
    ["DESCRIPTION", command?.description?.split("\n") ?? []],
    ["EXAMPLES", (command ? command.examples ?? [] : firstSteps).map((example) => `ctr ${example}`)],
    ["COMMANDS", table ? commandLines(table) : []],
    [command ? "OPTIONS" : "GLOBAL OPTIONS", flagLines(command ? [...flags, helpFlag] : flags)],
    ["", []],
  ];
}

const helpFlag: Flag = { name: "help", short: "h", usage: "show help" };

const firstSteps = [
  "images pull docker.io/library/alpine:latest",
  "run --rm docker.io/library/alpine:latest first echo hello",
  "images --help",
];

function usageLine(
  path: string,
  command: Command | undefined,
  table: readonly Command[] | undefined,
): string {
  if (!command) return `${path} [global options] command [command options] [arguments...]`;
  if (table) return `${path} command [command options] [arguments...]`;
  return [path, "[command options]", command.arguments].filter((part) => part).join(" ");
}

function commandLines(table: readonly Command[]): string[] {
  const lines = table.filter((command) => !command.hidden)
    .map((command) => [command.name, ...command.aliases ?? []].join(", ") + "\t" + command.usage);
  return layOut(lines, layout).trimEnd().split("\n");
}

function flagLines(flags: readonly Flag[]): string[] {
  const lines = flags.map((flag) => {
    const value = flag.value ? ` ${flag.value}` : "";
    const names = `--${flag.name}${value}` + (flag.short ? `, -${flag.short}${value}` : "");
    const standard = flag.default ? ` (default: ${JSON.stringify(flag.default)})` : "";
    return `${names}\t${flag.usage}${standard}${flag.env ? ` [$${flag.env}]` : ""}`;
  });
  return layOut(lines, layout).trimEnd().split("\n");
}
