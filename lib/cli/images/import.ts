/** `ctr images import` */
import { defaultBaseName, importInto } from "../../client/import.ts";
import type { Import } from "../../client/transfer_import.ts";
import { required } from "../arguments.ts";
import { type Call, type Flags, usageError } from "../command.ts";
import { connect } from "../connect.ts";
import { defaultSnapshotter } from "../flags.ts";
import { parseLabels } from "../output/labels.ts";
import { hostPlatform, parsePlatform } from "../output/platforms.ts";
import { print } from "../output/print.ts";
import { showProgress } from "../output/progress.ts";

export async function run(call: Call): Promise<void> {
  const [path] = required(call, "an archive to import, or - for the standard input");
  const wish = wishOf(call.flags);
  using archive = await openArchive(path);
  await using daemon = await connect(call);
  const skipped: string[] = [];
  using progress = showProgress();
  const take = call.flags.on("local")
    ? (await import("../../client/import_by_client.ts")).importByClient
    : importInto;
  await take(daemon, archive.bytes(), wish, (update) => {
    if (update.event === "skipped") skipped.push(update.name);
    progress.update(update);
  }, daemon.globals.signal);
  progress.finish();
  if (skipped.length > 0) {
    print(`not imported: ${skipped.join(", ")}; to have them: --platform NAME or --all-platforms\n`);
  }
}

function wishOf(flags: Flags): Import {
  const all = flags.on("all-platforms");
  const unpacked = !flags.on("no-unpack");
  if (all && flags.has("platform")) {
    throw usageError("--all-platforms and --platform cannot be specified together");
  }
  if (flags.on("discard-unpacked-layers") && !unpacked) {
    throw usageError("--discard-unpacked-layers and --no-unpack are incompatible options");
  }
  if (flags.on("skip-digest-for-named") && !flags.on("digests")) {
    throw usageError("--skip-digest-for-named must be specified with --digests option");
  }
  const platforms = flags.has("platform") ? flags.list("platform").map(parsePlatform) : [hostPlatform()];
  const baseName = flags.text("base-name");
  return {
    platforms: all ? [] : platforms,
    unpack: unpacked
      ? { snapshotter: flags.text("snapshotter") || defaultSnapshotter, platforms }
      : undefined,
    baseName: baseName || defaultBaseName(),
    anyName: baseName === "",
    digests: !flags.on("digests") ? "never" : flags.on("skip-digest-for-named") ? "unnamed" : "always",
    indexName: flags.text("index-name"),
    noSync: flags.on("no-sync"),
    discardUnpackedLayers: flags.on("discard-unpacked-layers"),
    compressLayers: flags.on("compress-blobs"),
    labels: parseLabels(flags.list("label")),
  };
}

/** Bytes that are read at once. */
const PIECE = 1 << 20;

/** An archive to be read; its pieces are good until the next one is asked for. */
async function openArchive(path: string): Promise<{ bytes(): AsyncIterable<Uint8Array> } & Disposable> {
  const file = path === "-" ? undefined : await Deno.open(path);
  const from = file ?? Deno.stdin;
  return {
    async *bytes() {
      const buffer = new Uint8Array(PIECE);
      for (let n; (n = await from.read(buffer)) !== null;) if (n > 0) yield buffer.subarray(0, n);
    },
    [Symbol.dispose]: () => file?.close(),
  };
}
