/**
 * Activations: sets of mounts that are made on the host by name, so that what is left to the caller are mounts that
 * the kernel can do by itself. A record is written when all are made, and deleted before any is taken away: what
 * has mounts and no record is a crash's left-over or garbage, and `sweep` takes it away.
 */
import type { ActivationInfo, ActiveMount, Mount } from "../api/types/mount.ts";
import { alreadyExists, invalidArgument, notFound } from "../errors.ts";
import { parseFilters } from "../filters/mod.ts";
import {
  checkLabels,
  checkScope,
  type Database,
  holdByLease,
  keptLabels,
  type Labels,
  labelsField,
  Numbers,
  type Reader,
  releaseFromLease,
  schema,
  updateLabels,
} from "../metadata/mod.ts";
import type { Scope } from "../scope.ts";
import { formatMount } from "./format.ts";
import { makeDirectories } from "./mkdir.ts";
import { makeFileSystem } from "./mkfs.ts";
import { planOf, type Step } from "./plan.ts";
import { mountAt, unmountIn } from "./points.ts";
import { infoOf, type MountRecord, recordOf } from "./record.ts";

/** What is to be activated. */
export interface Activation {
  readonly name: string;
  readonly mounts: readonly Mount[];
  readonly labels?: Labels;
  /** Whether all are to be made, and the caller gets one directory. */
  readonly temporary?: boolean;
}

const longestName = 1024;
const resource = (name: string) => ({ type: "mounts", id: name });

export class MountManager {
  readonly #db: Database;
  readonly #root: string;
  /** Below these clients may have directories and files made. */
  readonly #places: readonly string[];
  readonly #boot: string;
  readonly #numbers: Numbers;
  /** Directories whose record is still to come. */
  readonly #pending = new Set<string>();
  /** Directories whose mounts are being taken away. */
  readonly #going = new Map<string, Promise<void>>();
  /** Activations and deactivations under way, by name. */
  readonly #busy = new Map<string, Promise<unknown>>();

  private constructor(db: Database, root: string, places: readonly string[], boot: string) {
    this.#db = db;
    this.#root = root;
    this.#places = [...places, root];
    this.#boot = boot;
    this.#numbers = new Numbers(db, "mount");
  }

  /**
   * Opens a manager with mount points in the directory `root`, and forgets the mounts of earlier boots. Directories
   * and files are made for clients below `places` and `root` only.
   */
  static async open(
    db: Database,
    { root, places }: { root: string; places: readonly string[] },
  ): Promise<MountManager> {
    await Deno.mkdir(root, { recursive: true, mode: 0o700 });
    const boot = (await Deno.readTextFile("/proc/sys/kernel/random/boot_id")).trim();
    const gone = db.list(schema.mounts).filter(([, record]) => record.boot !== boot);
    if (gone.length) await db.write((tx) => gone.forEach(([key]) => tx.delete(schema.mounts, key)));
    const manager = new MountManager(db, root, places, boot);
    // What can't be taken away now, since somebody uses it, a later sweep takes.
    await manager.sweep().catch(() => {});
    return manager;
  }

  /**
   * Makes what of `mounts` isn't the kernel's own, and what comes before, and tells what is left to be mounted.
   * Held by the scope's lease; without one, and without labels that keep it, it is garbage.
   *
   * @throws AlreadyExists, Unimplemented if there is nothing to make, InvalidArgument
   */
  async activate(scope: Scope, activation: Activation, signal: AbortSignal): Promise<ActivationInfo> {
    const { name, mounts, labels = {}, temporary = false } = activation;
    checkScope(scope);
    checkLabels(labels, "mount labels");
    if (!name || name.length > longestName) {
      throw invalidArgument(`mount name must have 1 to ${longestName} characters`);
    }
    const plan = planOf(mounts, { temporary });
    return await this.#alone(scope, name, async () => {
      if (this.#find(this.#db, scope, name)) throw alreadyExists(`mount ${JSON.stringify(name)}`);
      const id = String(await this.#numbers.next());
      return await this.#withDirectory(id, async (dir) => {
        const active = await this.#mount(plan.ours, dir, signal);
        const system = await Promise.all(plan.system.map((step) => this.#transform(step, active, signal)));
        if (temporary) system.push(bind(active.at(-1)!.mountPoint));
        const info = { name, active, system, labels: keptLabels(labels) };
        const record = recordOf(info, { id, boot: this.#boot, lease: scope.lease });
        await this.#record(scope, record, name);
        return infoOf(name, record);
      });
    });
  }

  async #mount(steps: readonly Step[], dir: string, signal: AbortSignal): Promise<ActiveMount[]> {
    const active: ActiveMount[] = [];
    for (const [n, step] of steps.entries()) {
      signal.throwIfAborted();
      active.push(await mountAt(await this.#transform(step, active, signal), dir, n));
    }
    return active;
  }

  async #transform(
    { mount, transforms }: Step,
    active: readonly ActiveMount[],
    signal: AbortSignal,
  ): Promise<Mount> {
    let made = mount;
    for (const transform of transforms) {
      if (transform === "format") made = formatMount(made, active);
      else if (transform === "mkdir") made = makeDirectories(made, this.#places);
      else made = await makeFileSystem(made, this.#places, signal);
    }
    return made;
  }

  #record(scope: Scope, record: MountRecord, name: string): Promise<void> {
    return this.#db.write((tx) => {
      holdByLease(tx, scope, resource(name));
      tx.put(schema.mounts, [scope.namespace, name], record);
    });
  }

  /** Takes the mounts of an activation away. @throws NotFound */
  async deactivate(scope: Scope, name: string): Promise<void> {
    checkScope(scope);
    await this.#alone(scope, name, async () => {
      const { id } = await this.#db.write((tx) => {
        const record = this.#get(tx, scope, name);
        tx.delete(schema.mounts, [scope.namespace, name]);
        releaseFromLease(tx, { ...scope, lease: record.lease }, resource(name));
        return record;
      });
      await this.#unmount(id);
    });
  }

  /** @throws NotFound */
  info(scope: Scope, name: string): ActivationInfo {
    checkScope(scope);
    return infoOf(name, this.#get(this.#db, scope, name));
  }

  /** Changes labels: `paths` are "labels" or "labels.KEY"; none means all of them. @throws NotFound */
  update(scope: Scope, { name, labels }: ActivationInfo, paths: readonly string[]): Promise<ActivationInfo> {
    checkScope(scope);
    return this.#db.write((tx) => {
      const record = this.#get(tx, scope, name);
      const updated = updateLabels(record.labels, labels, paths.length ? paths : ["labels"], (path) => {
        throw invalidArgument(`cannot update ${JSON.stringify(path)} field on mount ${JSON.stringify(name)}`);
      });
      checkLabels(updated, "mount labels");
      const changed = { ...record, labels: updated };
      tx.put(schema.mounts, [scope.namespace, name], changed);
      return infoOf(name, changed);
    });
  }

  /** Activations that match any of `filters`: fields name and labels.KEY. */
  list(scope: Scope, filters: readonly string[] = []): ActivationInfo[] {
    checkScope(scope);
    const match = parseFilters(filters);
    return this.#db.list(schema.mounts, [scope.namespace])
      .map(([key, record]) => infoOf(key[1]!, record))
      .filter(({ name, labels }) =>
        match(([field, ...rest]) => field === "name" ? name : labelsField(field, rest, labels))
      );
  }

  /** Takes away mounts that have no record. */
  async sweep(): Promise<void> {
    const names = (await Array.fromAsync(Deno.readDir(this.#root))).map(({ name }) => name);
    // Looked at in one moment: what is there by then has a record, is about to get one, or is left over.
    const kept = new Set([...this.#pending, ...this.#db.list(schema.mounts).map(([, { id }]) => id)]);
    const left = names.filter((id) => /^\d+$/.test(id) && !kept.has(id));
    const results = await Promise.allSettled(left.map((id) => this.#unmount(id)));
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }

  /** A sweep and a deactivation may come to the same one: it is done once. */
  #unmount(id: string): Promise<void> {
    const going = this.#going.get(id) ?? unmountIn(this.#dirOf(id)).finally(() => this.#going.delete(id));
    this.#going.set(id, going);
    return going;
  }

  #dirOf(id: string): string {
    return `${this.#root}/${id}`;
  }

  /** What `work` mounts in a new directory goes again if it throws, and is safe from sweeps until it is done. */
  async #withDirectory<T>(id: string, work: (dir: string) => Promise<T>): Promise<T> {
    const dir = this.#dirOf(id);
    this.#pending.add(id);
    try {
      await Deno.mkdir(dir, { mode: 0o700 });
      return await work(dir);
    } catch (error) {
      await this.#unmount(id);
      throw error;
    } finally {
      this.#pending.delete(id);
    }
  }

  /** Runs `work` when nobody else is at the same name. */
  async #alone<T>(scope: Scope, name: string, work: () => Promise<T>): Promise<T> {
    const key = `${scope.namespace}/${name}`;
    const before = this.#busy.get(key);
    const mine = (before ?? Promise.resolve()).catch(() => {}).then(work);
    this.#busy.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#busy.get(key) === mine) this.#busy.delete(key);
    }
  }

  #find(from: Reader, scope: Scope, name: string): MountRecord | undefined {
    return from.get(schema.mounts, [scope.namespace, name]);
  }

  #get(from: Reader, scope: Scope, name: string): MountRecord {
    const record = this.#find(from, scope, name);
    if (!record) throw notFound(`mount ${JSON.stringify(name)}`);
    return record;
  }
}

function bind(source: string): Mount {
  return { type: "bind", source, target: "", options: ["rbind"] };
}
