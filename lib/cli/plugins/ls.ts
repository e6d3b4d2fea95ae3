/** `ctr plugins ls` */
import { IntrospectionDefinition, type Plugin } from "../../api/services/introspection/v1/introspection.ts";
import { Code } from "../../errors.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { platformText } from "../output/platforms.ts";
import { print } from "../output/print.ts";
import { printTable, wide } from "../output/table.ts";

export async function run(call: Call): Promise<void> {
  await using daemon = await connect(call);
  const { plugins } = await daemon.stub(IntrospectionDefinition).plugins({ filters: [...call.args] });
  if (call.flags.on("quiet")) return print(plugins.map(({ id }) => id + "\n").join(""));
  if (call.flags.on("detailed")) return printTable(plugins.flatMap(details), wide);
  const lines = plugins.map((plugin) =>
    [plugin.type, plugin.id, platforms(plugin) || "-", statusOf(plugin), ""].join("\t")
  );
  printTable(["TYPE\tID\tPLATFORMS\tSTATUS\t", ...lines], wide);
}

const platforms = (plugin: Plugin) => plugin.platforms.map(platformText).join(",");

/** A plugin that chose not to load is skipped, not broken; only its words tell. */
function statusOf({ initErr }: Plugin): string {
  if (!initErr) return "ok";
  return initErr.message.includes("skip plugin") ? "skip" : "error";
}

function details(plugin: Plugin): string[] {
  const { type, id, requires, capabilities, exports, initErr } = plugin;
  const exported = Object.entries(exports).sort(([a], [b]) => a < b ? -1 : 1);
  return [
    `Type:\t${type}`,
    `ID:\t${id}`,
    ...requires.length ? ["Requires:\t", ...requires.map((name) => `\t${name}`)] : [],
    ...plugin.platforms.length ? [`Platforms:\t${platforms(plugin)}`] : [],
    ...exported.length ? ["Exports:\t", ...exported.map(([key, value]) => `\t${key}\t${value}`)] : [],
    ...capabilities.length ? [`Capabilities:\t${capabilities.join(",")}`] : [],
    ...initErr ? ["Error:\t", `\tCode:\t${codeName(initErr.code)}`, `\tMessage:\t${initErr.message}`] : [],
    "\t\t",
  ];
}

const codeName = (code: number) =>
  Object.entries(Code).find(([, number]) => number === code)?.[0] ?? `${code}`;
