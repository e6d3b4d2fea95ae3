/**
 * `ctr images check`: whether the content of images is here, how much of it, and whether it is unpacked. With --deep
 * also whether it is as it was.
 */
import { ContentDefinition } from "../../api/services/content/v1/content.ts";
import type { Image } from "../../api/services/images/v1/images.ts";
import { SnapshotsDefinition } from "../../api/services/snapshots/v1/snapshots.ts";
import { Code, isError } from "../../errors.ts";
import type { Call } from "../command.ts";
import { connect, type Daemon } from "../connect.ts";
import { defaultSnapshotter } from "../flags.ts";
import { print } from "../output/print.ts";
import { binarySize } from "../output/sizes.ts";
import { printTable } from "../output/table.ts";
import { chainIdOf, diffIdsOf, type Manifest, manifestFor, type Part } from "./contents.ts";
import { selectImages } from "./select.ts";

/** What is known of one image. */
interface State {
  readonly status: string;
  readonly size: string;
  /** Nothing that is needed is missing. */
  readonly complete: boolean;
  readonly unpacked: boolean;
  readonly error?: unknown;
}

/** Exit code 1 if something is damaged. */
export async function run(call: Call): Promise<number> {
  const snapshotter = call.flags.text("snapshotter") || defaultSnapshotter;
  await using daemon = await connect(call);
  const images = await selectImages(daemon, call.args);
  const states = await Promise.all(images.map((image) => check(daemon, image, snapshotter)));
  const deep = call.flags.on("deep") ? await import("./deep_check.ts") : undefined;
  const verified = await deep?.deepCheck(daemon, images, snapshotter);
  const rows = images.map((image, at) => ({ image, state: states[at]!, verified: verified?.[at] }));
  if (call.flags.on("quiet")) {
    const ready = rows.filter(({ state, verified }) =>
      state.complete && state.unpacked && !verified?.findings.length
    );
    print(ready.map(({ image }) => image.name + "\n").join(""));
  } else if (rows.length || call.args.length === 0) {
    const more = deep ? "VERIFIED\t" : "";
    printTable([
      `REF\tTYPE\tDIGEST\tSTATUS\tSIZE\tUNPACKED\t${more}`,
      ...rows.map((row) => line(row) + (row.verified ? `\t${deep!.verdict(row.verified)}` : "")),
    ]);
    for (const text of rows.flatMap(({ verified }) => verified ? deep!.details(verified) : [])) print(text);
  }
  // A document that is damaged is told of above, and can't be read here.
  const failed = states.find(({ error }, at) => error !== undefined && !verified?.[at]?.findings.length);
  if (failed) throw failed.error;
  return verified?.some(({ findings }) => findings.length) ? 1 : 0;
}

const line = ({ image, state }: { image: Image; state: State }) =>
  [image.name, image.target!.mediaType, image.target!.digest, state.status, state.size, state.unpacked].join(
    "\t",
  );

async function check(daemon: Daemon, image: Image, snapshotter: string): Promise<State> {
  try {
    const manifest = await manifestFor(daemon, image.target!);
    const required = [manifest.config, ...manifest.layers];
    const here = await Promise.all(required.map((part) => isHere(daemon, part)));
    const present = required.filter((_, at) => here[at]);
    const complete = present.length === required.length;
    const unpacked = await isUnpacked(daemon, manifest, snapshotter);
    // An unpacked image runs without its packed layers; a config is needed for that.
    const word = complete ? "complete" : unpacked ? "layers dropped" : "incomplete";
    return {
      status: `${word} (${present.length}/${required.length})`,
      size: `${binarySize(sum(present))}/${binarySize(sum(required))}`,
      complete: complete || unpacked,
      unpacked,
    };
  } catch (error) {
    if (isError(error, Code.NotFound)) {
      const size = `${binarySize(0)}/?`;
      return { status: "unavailable (0/?)", size, complete: false, unpacked: false };
    }
    return { status: "error", size: "-", complete: false, unpacked: false, error };
  }
}

const sum = (parts: readonly Part[]) => parts.reduce((total, part) => total + part.size, 0n);

const isHere = (daemon: Daemon, { digest }: Part) => exists(daemon.stub(ContentDefinition).info({ digest }));

async function isUnpacked(daemon: Daemon, manifest: Manifest, snapshotter: string): Promise<boolean> {
  if (!await isHere(daemon, manifest.config)) return false;
  const key = await chainIdOf(await diffIdsOf(daemon, manifest));
  return await exists(daemon.stub(SnapshotsDefinition).stat({ snapshotter, key }));
}

async function exists(asked: Promise<unknown>): Promise<boolean> {
  try {
    await asked;
    return true;
  } catch (error) {
    if (isError(error, Code.NotFound)) return false;
    throw error;
  }
}
