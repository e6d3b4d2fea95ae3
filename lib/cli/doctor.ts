/** `ctr doctor`: what is wrong on this host, and what to do about it. */
import { messageOf } from "../errors.ts";
import type { Call } from "./command.ts";
import { defaultSnapshotter } from "./flags.ts";
import { print, printError } from "./output/print.ts";
import { printTable } from "./output/table.ts";

export async function run(call: Call): Promise<number> {
  const { flags } = call;
  if (flags.on("rebuild")) return await cure(call);
  return flags.on("reap") ? await reap(call) : await look(call);
}

const given = ({ flags, globals }: Call) => {
  const said = (name: string) => flags.text(name) || undefined;
  return {
    config: said("config"),
    root: said("root"),
    state: said("state"),
    address: globals.addressGiven ? globals.address : undefined,
  };
};

/** Exit code 1 if something won't work. */
async function look(call: Call): Promise<number> {
  const { examine } = await import("../daemon/mod.ts");
  const findings = await examine(given(call));
  const lines = findings.flatMap(({ level, subject, text, advice }) => [
    `${level}\t${subject}\t${text}`,
    ...advice ? [`\t\t-> ${advice}`] : [],
  ]);
  printTable(lines);
  return findings.some(({ level }) => level === "fail") ? 1 : 0;
}

/** Exit code 1 if something that is nobody's is still there. */
async function reap(call: Call): Promise<number> {
  const { examine } = await import("../daemon/mod.ts");
  let failed = 0;
  for (const { subject, text, reap } of await examine(given(call))) {
    if (!reap) continue;
    try {
      await reap();
      print(`reaped ${subject}: ${text}\n`);
    } catch (error) {
      failed = 1;
      printError(`ctr: ${text}: ${messageOf(error)}\n`);
    }
  }
  return failed;
}

async function cure(call: Call): Promise<number> {
  const { rebuild } = await import("../daemon/mod.ts");
  const { globals, flags } = call;
  const told = Deno.stderr.isTerminal();
  const { blobs, damaged, images, setAside } = await rebuild({
    flags: given(call),
    namespace: globals.namespace,
    snapshotter: flags.text("snapshotter") || defaultSnapshotter,
    force: flags.on("force"),
    signal: globals.signal,
    onBlob: (_, n, of) => told && printError(`\rreading blob ${n} of ${of}${n === of ? "\n" : ""}`),
  });
  print(`${blobs} blobs have records again, in the namespace ${globals.namespace}\n`);
  for (const digest of damaged) print(`${digest} is damaged: it got no record, and will be fetched again\n`);
  for (const path of setAside) print(`kept aside: ${path}\n`);
  for (const name of images) print(`image: ${name}\n`);
  if (images.length) {
    print(
      "Names are in no blob. Once the daemon runs, pull the images by their names (what is here is not fetched\n" +
        "again), or give them names: ctr images tag OLD NEW; then: ctr images repair NEW\n",
    );
  }
  return 0;
}
