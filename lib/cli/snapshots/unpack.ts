/** `ctr snapshots unpack` */
import { ImagesDefinition } from "../../api/services/images/v1/images.ts";
import { Image } from "../../client/image.ts";
import { notFound } from "../../errors.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect } from "../connect.ts";
import { parseDigest } from "../content/digest.ts";
import { print } from "../output/print.ts";
import { snapshotterOf } from "./snapshots.ts";

export async function run(call: Call): Promise<void> {
  const digest = parseDigest(required(call, "the digest of a manifest")[0]);
  await using daemon = await connect(call);
  const { images } = await daemon.stub(ImagesDefinition).list({ filters: [`target.digest==${digest}`] });
  const record = images.find(({ target }) => target?.digest === digest);
  if (!record) throw notFound(`no image has the manifest ${digest}`);
  print(`unpacking ${digest} (${record.target!.mediaType})...`);
  try {
    await new Image(daemon, record).unpack({ snapshotter: snapshotterOf(call), signal: call.globals.signal });
  } catch (error) {
    print("\n");
    throw error;
  }
  print("done\n");
}
