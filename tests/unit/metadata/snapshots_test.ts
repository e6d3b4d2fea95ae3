import assert from "node:assert/strict";
import { Code, isError } from "../../../lib/errors.ts";
import { createExchange } from "../../../lib/events/mod.ts";
import { Database, LeaseStore, SnapshotStore } from "../../../lib/metadata/mod.ts";
import { openOverlay, type Snapshotter } from "../../../lib/snapshots/mod.ts";

const scope = { namespace: "snapshots" };
const name = "overlayfs";
const fails = (code: Code) => (error: unknown) => isError(error, code);

/** A store over the overlay snapshotter's directories; nothing is mounted. */
class Fixture implements AsyncDisposable {
  readonly dir: string;
  db!: Database;
  store!: SnapshotStore;
  driver!: Snapshotter;
  /** Runs when the driver has done what is named, once. */
  after: { create?: () => Promise<void>; usage?: () => Promise<void> } = {};
  /** Runs before each removal. */
  onRemove: (id: string) => void = () => {};

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async open(): Promise<Fixture> {
    const fixture = new Fixture(await Deno.makeTempDir({ prefix: "longshore-snapshots-" }));
    await fixture.reopen();
    return fixture;
  }

  /** What a restart of the daemon does. */
  async reopen(): Promise<void> {
    await this.#close();
    this.db = await Database.open(`${this.dir}/metadata.kv`);
    const overlay = this.driver = await openOverlay(`${this.dir}/overlayfs`);
    const hooked: Snapshotter = {
      name,
      create: async (...args) => {
        await overlay.create(...args);
        await this.#take("create")?.();
      },
      commit: (...args) => overlay.commit(...args),
      remove: async (id) => {
        this.onRemove(id);
        await overlay.remove(id);
      },
      removed: () => overlay.removed(),
      mounts: (...args) => overlay.mounts(...args),
      usage: async (...args) => {
        const usage = await overlay.usage(...args);
        await this.#take("usage")?.();
        return usage;
      },
      ids: () => overlay.ids(),
      layerPath: (id) => overlay.layerPath!(id),
      [Symbol.asyncDispose]: () => overlay[Symbol.asyncDispose](),
    };
    this.store = new SnapshotStore(this.db, [hooked], createExchange());
  }

  #take<K extends "create" | "usage">(what: K): (() => Promise<void>) | undefined {
    const hook = this.after[what];
    delete this.after[what];
    return hook;
  }

  async layer(key: string, parent = ""): Promise<void> {
    await this.store.prepare(scope, name, `${key} active`, parent);
    await this.store.commit(scope, name, key, `${key} active`, { sync: false });
  }

  /** Everything on disk, removals under way included. */
  files(): string[] {
    return [...Deno.readDirSync(`${this.dir}/overlayfs`)].map(({ name }) => name).sort();
  }

  async #close(): Promise<void> {
    await this.driver?.[Symbol.asyncDispose]();
    await this.db?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    await Deno.remove(this.dir, { recursive: true });
  }
}

Deno.test("a snapshot whose parent is replaced while it is made is refused, and leaves nothing", async () => {
  await using t = await Fixture.open();
  await t.layer("base");
  t.after.create = async () => {
    await t.store.remove(scope, name, "base");
    await t.layer("base");
  };
  await assert.rejects(t.store.prepare(scope, name, "child", "base"), fails(Code.Unavailable));
  t.after.create = () => t.store.remove(scope, name, "base");
  await assert.rejects(t.store.prepare(scope, name, "child", "base"), fails(Code.NotFound));
  assert.deepEqual([t.store.list(scope, name), await t.driver.ids()], [[], []]);
});

Deno.test("a snapshot that is replaced during its commit is refused, and the new one stays active", async () => {
  await using t = await Fixture.open();
  await t.store.prepare(scope, name, "key", "");
  t.after.usage = async () => {
    await t.store.remove(scope, name, "key");
    await t.store.prepare(scope, name, "key", "");
  };
  await assert.rejects(t.store.commit(scope, name, "name", "key"), fails(Code.Unavailable));
  assert.deepEqual(t.store.list(scope, name, ["kind==active"]).map((info) => info.name), ["key"]);
  await t.store.commit(scope, name, "name", "key");
  assert.deepEqual(t.store.list(scope, name).map((info) => info.name), ["name"]);
});

Deno.test("of two commits of one snapshot one succeeds", async () => {
  await using t = await Fixture.open();
  await t.store.prepare(scope, name, "key", "");
  const done = await Promise.allSettled(["a", "b"].map((n) => t.store.commit(scope, name, n, "key")));
  assert.equal(done.filter(({ status }) => status === "fulfilled").length, 1);
  const [refused] = done.filter((one) => one.status === "rejected");
  assert.ok(isError(refused!.reason, Code.NotFound));
  assert.equal(t.store.list(scope, name).length, 1);
});

Deno.test("a sweep frees the space before it ends, and one that can't go keeps no other", async () => {
  await using t = await Fixture.open();
  for (const id of ["901", "902", "903"]) {
    await t.driver.create(id, [], "active");
    for (let n = 0; n < 50; n++) await Deno.writeTextFile(`${t.driver.layerPath!(id)}/${n}`, "x");
  }
  t.onRemove = (id) => {
    if (id === "902") throw new Error("busy");
  };
  await assert.rejects(t.store.sweep(), /busy/);
  assert.deepEqual(t.files(), ["902"]);
  t.onRemove = () => {};
  await t.store.sweep();
  assert.deepEqual(t.files(), []);
});

Deno.test("numbers go on after a restart, and directories of lost records are in nobody's way", async () => {
  await using t = await Fixture.open();
  const [first] = await t.store.prepare(scope, name, "one", "");
  await t.reopen();
  const [second] = await t.store.prepare(scope, name, "two", "");
  const idOf = (source = "") => Number(/\/(\d+)\/fs$/.exec(source)![1]);
  assert.ok(idOf(second!.source) > idOf(first!.source));
  await t.driver[Symbol.asyncDispose]();
  await t.db.close();
  await Deno.writeTextFile(`${first!.source}/old`, "of before");
  for (const { name: file } of [...Deno.readDirSync(t.dir)]) {
    if (file.startsWith("metadata.kv")) await Deno.remove(`${t.dir}/${file}`);
  }
  await t.reopen();
  const [again] = await t.store.prepare(scope, name, "one", "");
  assert.equal(again!.source, first!.source);
  assert.deepEqual([...Deno.readDirSync(again!.source)], []);
});

Deno.test("a hundred prepared at once have a hundred directories, also when a failed commit came before", async () => {
  await using t = await Fixture.open();
  const write = t.db.write.bind(t.db);
  t.db.write = () => Promise.reject(new Error("disk full"));
  await assert.rejects(t.store.prepare(scope, name, "none", ""), /disk full/);
  t.db.write = write;
  const made = await Promise.all(
    Array.from({ length: 100 }, (_, n) => t.store.prepare(scope, name, `key ${n}`, "")),
  );
  assert.equal(new Set(made.map(([mount]) => mount!.source)).size, 100);
  assert.equal((await t.driver.ids()).length, 100);
});

Deno.test("a staged layer becomes a snapshot, is thrown away, or is swept after a crash", async () => {
  await using t = await Fixture.open();
  await t.layer("base");
  const [kept, dropped, lost] = await Promise.all([1, 2, 3].map(() => t.store.stage(name)));
  await t.store.commitStaged(scope, name, kept!.id, { name: "top", parent: "base", sync: false });
  assert.equal(t.store.stat(scope, name, "top").parent, "base");
  const late = t.store.commitStaged(scope, name, dropped!.id, { name: "top", parent: "base", sync: false });
  await assert.rejects(late, fails(Code.AlreadyExists));
  assert.ok((await t.driver.ids()).includes(dropped!.id));
  await t.store.discardStaged(name, dropped!.id);
  await t.store.sweep();
  assert.ok((await t.driver.ids()).includes(lost!.id), "staged now");
  await t.reopen();
  await t.store.sweep();
  assert.deepEqual((await t.driver.ids()).length, 2);
  assert.equal((await t.driver.ids()).includes(lost!.id), false);
});

Deno.test("a lease holds what was prepared and committed under it, and one that isn't there stops both", async () => {
  await using t = await Fixture.open();
  const leases = new LeaseStore(t.db);
  await leases.create(scope, { id: "l", labels: {} });
  const held = { ...scope, lease: "l" };
  await t.store.prepare(held, name, "key", "");
  assert.deepEqual(leases.resources(scope, "l"), [{ type: `snapshots/${name}`, id: "key" }]);
  await t.store.commit(held, name, "name", "key", { sync: false });
  assert.deepEqual(leases.resources(scope, "l"), [{ type: `snapshots/${name}`, id: "name" }]);
  const none = { ...scope, lease: "none" };
  await assert.rejects(t.store.prepare(none, name, "other", ""), fails(Code.NotFound));
  await t.store.prepare(scope, name, "third", "");
  await assert.rejects(t.store.commit(none, name, "fourth", "third"), fails(Code.NotFound));
  assert.equal((await t.driver.ids()).length, 2);
});
