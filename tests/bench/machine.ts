/** The machine and the programs of a run, for whoever reads its figures. */
import { must } from "../harness/mod.ts";

/** A few lines of Markdown. */
export async function describeMachine(): Promise<string> {
  const cpu = /model name\s*:\s*(.*)/.exec(await Deno.readTextFile("/proc/cpuinfo"))?.[1] ?? "unknown CPU";
  const memory = Math.round(Deno.systemMemoryInfo().total / 2 ** 30);
  const [kernel, containerd, runc, commit] = await Promise.all([
    must("uname", ["-r"]),
    must("containerd", ["--version"]),
    must("runc", ["--version"]),
    must("git", ["log", "-1", "--format=%h of %cs"]),
  ]);
  return [
    `- ${cpu}, ${navigator.hardwareConcurrency} cores, ${memory} GiB, Linux ${kernel.trim()}`,
    `- containerd ${containerd.trim().split(" ")[2]}, ${runc.split("\n")[0]!.replace(" version", "")}, ` +
    `Deno ${Deno.version.deno}, Longshore at ${commit.trim()}`,
    "- roots on tmpfs, the two sides alternating, medians of at least 7",
  ].join("\n");
}
