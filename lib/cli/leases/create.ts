/** `ctr leases create` */
import { LeasesDefinition } from "../../api/services/leases/v1/leases.ts";
import { now, toMillis } from "../../rpc/timestamp.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { parseDuration } from "../duration.ts";
import { parseLabels } from "../output/labels.ts";
import { print } from "../output/print.ts";

export async function run({ globals, flags, args }: Call): Promise<void> {
  const labels = parseLabels(args);
  const lifetime = parseDuration(flags.text("expires"));
  if (lifetime > 0) labels["containerd.io/gc.expire"] = expiry(lifetime);
  await using daemon = await connect({ globals });
  const { lease } = await daemon.stub(LeasesDefinition).create({ id: flags.text("id") || newId(), labels });
  print(`${lease?.id}\n`);
}

const expiry = (lifetime: number) => new Date(Date.now() + lifetime).toISOString().replace(/\.\d+Z$/, "Z");

/** Nanoseconds of the second and some chance, as Go's client names its leases. */
function newId(): string {
  const nanos = Math.floor((toMillis(now()) % 1000) * 1e6);
  const random = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(3))));
  return `${nanos}-${random.replaceAll(/[+/=]/g, "0")}`;
}
