/** `ctr images repair`: what a disk has lost comes from the registry once more. */
import { RepairResponse_Step as Step } from "../../api/services/maintenance/v1/maintenance.ts";
import { repairImage } from "../../client/maintenance.ts";
import { type Call, usageError } from "../command.ts";
import { connect, type Daemon } from "../connect.ts";
import { forEach } from "../each.ts";
import { print } from "../output/print.ts";
import { findImage } from "./lookup.ts";
import { registryAccess } from "../registry/access.ts";

export async function run(call: Call): Promise<void> {
  if (!call.args.length) throw usageError("please provide the images to repair");
  await using daemon = await connect(call);
  await forEach(call.args, (name) => repair(call, daemon, name));
}

async function repair({ flags }: Call, daemon: Daemon, wanted: string): Promise<void> {
  const { name } = await findImage(daemon, wanted);
  await using access = await registryAccess(daemon, flags, name);
  const { plainHttp, hostsDir } = access;
  const host = name.slice(0, name.indexOf("/"));
  // A repair asks nothing back: what there is for the image's registry goes with it.
  const credentials = typeof access.credentials === "function"
    ? await access.credentials(host)
    : access.credentials;
  const options = {
    snapshotter: flags.text("snapshotter"),
    signal: daemon.globals.signal,
    plainHttp,
    hostsDir,
    credentials,
  };
  let count = 0;
  for await (const { step, name: thing, detail } of repairImage(daemon, name, options)) {
    if (step === Step.FOUND) print(`${thing}: ${detail}\n`);
    else if (step === Step.FETCHED) print(`${thing}: fetched from ${detail}\n`);
    else if (step === Step.UNPACKED) print(`${thing}: unpacked again\n`);
    else if (step === Step.CONTAINER) print(`container ${thing} ${detail}\n`);
    if (step === Step.FETCHED || step === Step.UNPACKED) count++;
  }
  print(count ? `${name}: repaired\n` : `${name}: nothing is damaged\n`);
}
