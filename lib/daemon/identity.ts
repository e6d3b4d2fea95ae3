/** What the daemon tells of itself: who it is and which parts it has. */
import type { Plugin } from "../api/services/introspection/v1/introspection.ts";
import { Code } from "../errors.ts";
import type { Identity } from "../services/mod.ts";
import type { Config } from "./config.ts";
import { logsBelow } from "./logs.ts";
import { sharingPolicy } from "./plugin_config.ts";
import type { Snapshotters } from "./snapshotters.ts";

/** The daemon's identity; its uuid is kept in the root. */
export async function identify(
  config: Config,
  snapshotters: Pick<Snapshotters, "roots" | "skipped">,
): Promise<Identity> {
  const link = await Deno.readLink("/proc/self/ns/pid"); // pid:[4026531836]
  return {
    uuid: await keptUuid(`${config.root}/uuid`),
    pid: Deno.pid,
    pidns: BigInt(/\d+/.exec(link)?.[0] ?? 0),
    plugins: plugins(config, snapshotters),
  };
}

async function keptUuid(path: string): Promise<string> {
  const kept = await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  });
  if (kept.trim()) return kept.trim();
  const uuid = crypto.randomUUID();
  // Renamed into place: a crash must not leave an empty one, which every such daemon would share.
  await Deno.writeTextFile(`${path}.new`, uuid, { mode: 0o600 });
  await Deno.rename(`${path}.new`, path);
  return uuid;
}

/** Parts by the names that containerd gives them: clients look for snapshotters, differs and runtimes here. */
function plugins(
  config: Config,
  { roots, skipped }: Pick<Snapshotters, "roots" | "skipped">,
): Plugin[] {
  const grpc = ["containers", "content", "diff", "events", "healthcheck", "images", "introspection", "leases"]
    .concat("mounts", "namespaces", "sandboxes", "snapshots", "streaming", "tasks", "transfer", "version");
  return [
    plugin("io.containerd.content.v1", "content", {
      root: `${config.root}/content`,
      logs: logsBelow(config.root),
    }),
    ...Array.from(roots, ([name, root]) => ({
      ...plugin("io.containerd.snapshotter.v1", name, { root }),
      // By labels, see lib/id_mappings.ts: clients that don't find it here change owners themselves.
      capabilities: ["remap-ids"],
    })),
    ...Array.from(skipped, ([name, why]) => withoutLoad(plugin("io.containerd.snapshotter.v1", name), why)),
    plugin("io.containerd.metadata.v1", "bolt", { policy: sharingPolicy(config.plugins) }),
    plugin("io.containerd.gc.v1", "scheduler"),
    plugin("io.containerd.mount-manager.v1", "bolt"),
    plugin("io.containerd.sandbox.store.v1", "local"),
    plugin("io.containerd.mount-handler.v1", "loop"),
    // See proto/services/diff/v1/diff.proto.
    { ...plugin("io.containerd.differ.v1", "walking"), capabilities: ["map-owners"] },
    plugin("io.containerd.runtime.v2", "task"),
    plugin("io.containerd.event.v1", "exchange"),
    ...grpc.map((id) => plugin("io.containerd.grpc.v1", id)),
  ];
}

/** Parts that do what the platform decides name it, as containerd's do. */
const platformBound = /snapshotter|differ|runtime/;

function plugin(type: string, id: string, exports: Record<string, string> = {}): Plugin {
  const architecture = Deno.build.arch === "x86_64" ? "amd64" : "arm64";
  const platform = { os: "linux", architecture, variant: "", osVersion: "", osFeatures: [] };
  const platforms = platformBound.test(type) ? [platform] : [];
  return { type, id, requires: [], platforms, exports, capabilities: [], initErr: undefined };
}

/** Clients tell a part that doesn't suit this host from a broken one by the last two words. */
function withoutLoad(plugin: Plugin, why: string): Plugin {
  return { ...plugin, initErr: { code: Code.Unknown, message: `${why}: skip plugin`, details: [] } };
}
