/** The snapshotters of a daemon: those that its file systems carry. */
import { Code, invalidArgument, isError, messageOf } from "../errors.ts";
import type { Config } from "./config.ts";
import { openBtrfs, openNative, openOverlay, type Snapshotter } from "../snapshots/mod.ts";

/** By the names that clients know. */
const openers: Record<string, (root: string, table: Table) => Promise<Snapshotter>> = {
  overlayfs: (root, table) => openOverlay(root, { mountOptions: table.texts("mount_options") }),
  native: openNative,
  btrfs: openBtrfs,
};
const type = "io.containerd.snapshotter.v1";

/** What could be opened, and what not. */
export interface Snapshotters extends AsyncDisposable {
  readonly opened: readonly Snapshotter[];
  /** Why the others aren't there, by name. */
  readonly skipped: ReadonlyMap<string, string>;
  /** Where each of them keeps what it has. */
  readonly roots: ReadonlyMap<string, string>;
}

/**
 * Opens each in `<root>/snapshots/<name>`, or in the `root_path` of its table in the configuration. One whose file
 * system is missing is skipped; other faults are thrown, InvalidArgument for a table with a wrong value.
 */
export async function openSnapshotters(config: Pick<Config, "root" | "plugins">): Promise<Snapshotters> {
  await using stack = new AsyncDisposableStack();
  const opened: Snapshotter[] = [];
  const skipped = new Map<string, string>();
  const roots = new Map<string, string>();
  for (const [name, open] of Object.entries(openers)) {
    const table = new Table(`${type}.${name}`, config.plugins);
    const root = table.path("root_path") ?? `${config.root}/snapshots/${name}`;
    try {
      opened.push(stack.use(await open(root, table)));
      roots.set(name, root);
    } catch (error) {
      if (!isError(error, Code.FailedPrecondition)) throw error;
      skipped.set(name, messageOf(error).replace(/: failed precondition$/, ""));
    }
  }
  const owned = stack.move();
  return { opened, skipped, roots, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** One plugin's table in the configuration. */
class Table {
  readonly #name: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(name: string, plugins: Config["plugins"]) {
    this.#name = name;
    this.#values = plugins[name] ?? {};
  }

  /** An absolute path, or undefined without one. */
  path(key: string): string | undefined {
    const value = this.#values[key] ?? "";
    if (value === "") return undefined;
    if (typeof value === "string" && value.startsWith("/")) return value.replace(/\/+$/, "");
    throw this.#wrong(key, "an absolute path");
  }

  /** A list of texts, empty without one. */
  texts(key: string): string[] {
    const value = this.#values[key] ?? [];
    if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
    throw this.#wrong(key, "a list of strings");
  }

  #wrong(key: string, wanted: string): Error {
    return invalidArgument(`configuration: ${key} of plugins.${JSON.stringify(this.#name)} is not ${wanted}`);
  }
}
