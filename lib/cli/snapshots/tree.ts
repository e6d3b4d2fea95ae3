/** `ctr snapshots tree` */
import type { Info } from "../../api/services/snapshots/v1/snapshots.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { print } from "../output/print.ts";
import { listSnapshots, snapshotterOf } from "./snapshots.ts";

export async function run(call: Call): Promise<void> {
  await using daemon = await connect(call);
  print(drawTree(await listSnapshots(daemon, snapshotterOf(call))));
}

/** Each snapshot below its parent, two columns further in. */
export function drawTree(snapshots: readonly Pick<Info, "name" | "parent">[]): string {
  const children = new Map<string, string[]>();
  for (const { name, parent } of snapshots) {
    children.set(parent, [...children.get(parent) ?? [], name]);
  }
  let drawing = "";
  const open = (children.get("") ?? []).map((name) => ({ name, depth: 0 })).reverse();
  for (let next = open.pop(); next; next = open.pop()) {
    const { name, depth } = next;
    drawing += " " + "  ".repeat(Math.max(0, depth - 1)) + (depth ? ` \\_ ` : "") + name + "\n";
    open.push(...(children.get(name) ?? []).map((name) => ({ name, depth: depth + 1 })).reverse());
  }
  return drawing;
}
