/** `ctr images export` */
import { exportFrom } from "../../client/export.ts";
import type { Export } from "../../client/transfer_export.ts";
import { type Call, usageError } from "../command.ts";
import { connect, type Daemon } from "../connect.ts";
import { parsePlatform } from "../output/platforms.ts";
import { printError } from "../output/print.ts";
import { showProgress } from "../output/progress.ts";
import { findImage } from "./lookup.ts";

export async function run(call: Call): Promise<void> {
  const [path, ...names] = call.args;
  if (!path || names.length === 0) {
    throw usageError("please provide both an output filename and an image reference to export");
  }
  await using daemon = await connect(call);
  const wish = await exportOf(daemon, call, names);
  const skipped: string[] = [];
  // The archive may be on the standard output.
  using progress = showProgress("stderr");
  const give = call.flags.on("local")
    ? (await import("../../client/export_by_client.ts")).exportByClient
    : exportFrom;
  const bytes = give(daemon, wish, (update) => {
    if (update.event === "skipped") skipped.push(update.name);
    progress.update(update);
  }, daemon.globals.signal);
  await (path === "-" ? writeAll(Deno.stdout, bytes) : writeFile(path, bytes));
  progress.finish();
  if (skipped.length > 0) {
    printError(
      `not here, so not exported: ${skipped.join(", ")}\n` +
        `to export all platforms, fetch them first: ctr images pull --all-platforms ${
          wish.images.join(" ")
        }\n`,
    );
  }
}

async function exportOf(daemon: Daemon, { flags }: Call, names: readonly string[]): Promise<Export> {
  const images: string[] = [];
  for (const name of names) images.push((await findImage(daemon, name)).name);
  return {
    images,
    platforms: flags.list("platform").map(parsePlatform),
    allPlatforms: flags.on("all-platforms"),
    skipManifestJson: flags.on("skip-manifest-json"),
    skipNonDistributable: flags.on("skip-non-distributable"),
  };
}

/** Writes beside the file and renames in the end: half an archive never has its name. */
async function writeFile(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const target = await Deno.stat(path).catch(() => undefined);
  // What is no plain file (a pipe, a device) is written to as it is.
  const partial = target && !target.isFile ? path : `${path}.${crypto.randomUUID().slice(0, 8)}.partial`;
  try {
    {
      using file = await Deno.open(partial, { write: true, create: true, truncate: true });
      await writeAll(file, bytes);
    }
    if (partial !== path) await Deno.rename(partial, path);
  } catch (error) {
    if (partial !== path) await Deno.remove(partial).catch(() => {});
    throw error;
  }
}

async function writeAll(
  to: { write(bytes: Uint8Array): Promise<number> },
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  for await (const piece of bytes) {
    for (let at = 0; at < piece.length;) at += await to.write(piece.subarray(at));
  }
}
