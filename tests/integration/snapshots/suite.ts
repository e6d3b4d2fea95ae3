/**
 * What every snapshotter has to do: one suite for all of them, through real mounts, under the records that the
 * metadata room keeps.
 */
import assert from "node:assert/strict";
import type { Mount } from "../../../lib/api/types/mount.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { createExchange } from "../../../lib/events/mod.ts";
import { Database, SnapshotStore } from "../../../lib/metadata/mod.ts";
import type { Snapshotter } from "../../../lib/snapshots/mod.ts";
import { mountAll, unmountAll } from "../../../lib/sys/mod.ts";
import { must, Scratch } from "../../harness/mod.ts";

const scope = { namespace: "suite" };
const fails = (code: Code) => (error: unknown) => isError(error, code);

/** A snapshotter below a store of records, and a place to mount. */
class Bench implements AsyncDisposable {
  readonly name: string;
  readonly store: SnapshotStore;
  readonly scratch: Scratch;
  readonly #db: Database;
  readonly #snapshotter: Snapshotter;

  constructor(scratch: Scratch, db: Database, snapshotter: Snapshotter) {
    this.scratch = scratch;
    this.#db = db;
    this.#snapshotter = snapshotter;
    this.name = snapshotter.name;
    this.store = new SnapshotStore(db, [snapshotter], createExchange());
  }

  /** Runs a shell script in the mounted tree. */
  async within(mounts: Mount[], script: string): Promise<string> {
    const target = await Deno.makeTempDir({ dir: this.scratch.path });
    mountAll(mounts, target);
    try {
      return await must("sh", ["-ec", script], { cwd: target });
    } finally {
      await unmountAll(target);
      await Deno.remove(target);
    }
  }

  /** A committed snapshot: what `script` makes of its parent. */
  async layer(name: string, parent: string, script: string): Promise<void> {
    await this.within(await this.store.prepare(scope, this.name, `prepare ${name}`, parent), script);
    await this.store.commit(scope, this.name, name, `prepare ${name}`, { sync: false });
  }

  /** What a script prints of a committed snapshot. */
  async show(name: string, script: string): Promise<string> {
    const key = `view ${crypto.randomUUID()}`;
    const mounts = await this.store.view(scope, this.name, key, name);
    const said = await this.within(mounts, script);
    await this.store.remove(scope, this.name, key);
    return said;
  }

  ids(): Promise<string[]> {
    return this.#snapshotter.ids();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#snapshotter[Symbol.asyncDispose]();
    await this.#db.close();
    await this.scratch[Symbol.asyncDispose]();
  }
}

/** Registers the suite's tests for one snapshotter; `open` opens it in a directory. */
export function snapshotterSuite(name: string, open: (root: string) => Promise<Snapshotter>): void {
  const test = (what: string, body: (bench: Bench) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, async () => {
      const scratch = await Scratch.make();
      const db = await Database.open(scratch.join("metadata.kv"));
      await using bench = new Bench(scratch, db, await open(scratch.join("snapshots")));
      await body(bench);
    });

  test("changes stack up, and a parent never sees its child's", async (bench) => {
    await bench.layer("one", "", "mkdir d; echo 1 >d/a; echo 1 >d/b");
    await bench.layer("two", "one", "echo 2 >d/b; echo 2 >d/c");
    assert.equal(await bench.show("two", "cat d/a d/b d/c"), "1\n2\n2\n");
    assert.equal(await bench.show("one", "cat d/a d/b; ls d"), "1\n1\na\nb\n");
  });

  test("deleted files and replaced directories stay away from the layers above", async (bench) => {
    await bench.layer("one", "", "mkdir -p d/sub e; touch d/x d/sub/y e/z f");
    await bench.layer("two", "one", "rm -r d/sub f; rm -r e; mkdir e; touch e/new");
    await bench.layer("three", "two", "touch g");
    assert.equal(await bench.show("three", "find . -mindepth 1 | sort"), "./d\n./d/x\n./e\n./e/new\n./g\n");
  });

  test("files move between directories, over others and back", async (bench) => {
    await bench.layer("one", "", "mkdir a b; echo from >a/f; echo over >b/f; ln a/f a/link");
    await bench.layer("two", "one", "mv a/f b/f; mv b c");
    await bench.layer("three", "two", "mv c/f a/f");
    assert.equal(await bench.show("three", "cat a/f a/link; ls a c"), "from\nfrom\na:\nf\nlink\n\nc:\n");
  });

  test("owners, modes and attributes change without touching the content below", async (bench) => {
    await bench.layer("one", "", "echo x >f; chown 10:20 f; chmod 0640 f; mkdir d; chmod 1777 d");
    await bench.layer("two", "one", "chown 30:40 f; chmod 4755 f; setfattr -n trusted.note -v hi d");
    assert.equal(await bench.show("two", "stat -c '%u:%g %a' f d"), "30:40 4755\n0:0 1777\n");
    assert.equal(await bench.show("one", "stat -c '%u:%g %a' f"), "10:20 640\n");
    assert.match(await bench.show("two", "getfattr -n trusted.note d"), /trusted.note="hi"/);
  });

  test("the root directory of a child looks like its parent's", async (bench) => {
    await bench.layer("one", "", "chmod 0750 .; chown 7:8 .");
    await bench.layer("two", "one", "touch f");
    assert.equal(await bench.show("two", "stat -c '%u:%g %a' ."), "7:8 750\n");
  });

  test("a view can't be written to, an active snapshot can be mounted again and again", async (bench) => {
    await bench.layer("one", "", "touch f");
    const view = await bench.store.view(scope, bench.name, "view", "one");
    await assert.rejects(bench.within(view, "touch g"), /Read-only file system/);
    const active = await bench.store.prepare(scope, bench.name, "active", "one");
    await bench.within(active, "echo kept >g");
    assert.equal(await bench.within(bench.store.mounts(scope, bench.name, "active"), "cat g"), "kept\n");
  });

  test("128 layers mount, the last one with a view of all", async (bench) => {
    for (let n = 1; n <= 128; n++) {
      const [id, parent] = [String(n), n > 1 ? String(n - 1) : ""];
      await bench.store.prepare(scope, bench.name, `p${id}`, parent);
      await bench.within(bench.store.mounts(scope, bench.name, `p${id}`), `touch file${n}`);
      await bench.store.commit(scope, bench.name, id, `p${id}`, { sync: false });
    }
    assert.equal(await bench.show("128", "ls | wc -l"), "128\n");
  });

  test("what is not there, there twice, or in use is refused with containerd's classes", async (bench) => {
    const { store, name } = bench;
    await bench.layer("one", "", "touch f");
    await assert.rejects(store.prepare(scope, name, "x", "missing"), fails(Code.NotFound));
    await store.prepare(scope, name, "active", "one");
    await assert.rejects(store.prepare(scope, name, "active", ""), fails(Code.AlreadyExists));
    await assert.rejects(store.prepare(scope, name, "y", "active"), fails(Code.InvalidArgument));
    await assert.rejects(store.commit(scope, name, "one", "active"), fails(Code.AlreadyExists));
    await assert.rejects(store.commit(scope, name, "two", "missing"), fails(Code.NotFound));
    await assert.rejects(store.commit(scope, name, "two", "one"), fails(Code.FailedPrecondition));
    await assert.rejects(
      store.remove(scope, name, "one"),
      /cannot remove snapshot with child: failed precondition/,
    );
    assert.throws(() => store.mounts(scope, name, "one"), fails(Code.FailedPrecondition));
    assert.throws(() => store.stat(scope, name, "missing"), fails(Code.NotFound));
    await assert.rejects(store.prepare(scope, "nosuch", "x", ""), fails(Code.InvalidArgument));
    await store.remove(scope, name, "active");
    await store.remove(scope, name, "one");
    assert.deepEqual(store.list(scope, name), []);
    assert.deepEqual(await bench.ids(), []);
  });

  test("of many that prepare the same key one succeeds, and the others leave nothing", async (bench) => {
    const tries = Array.from({ length: 20 }, () => bench.store.prepare(scope, bench.name, "same", ""));
    const done = await Promise.allSettled(tries);
    assert.equal(done.filter(({ status }) => status === "fulfilled").length, 1);
    assert.equal((await bench.ids()).length, 1);
    const different = Array.from(
      { length: 20 },
      (_, n) => bench.store.prepare(scope, bench.name, `key ${n}`, ""),
    );
    assert.equal(new Set((await Promise.all(different)).map(([mount]) => mount!.source)).size, 20);
  });

  test("usage counts blocks, and an inode once however many names it has", async (bench) => {
    await bench.layer("one", "", "head -c 100000 /dev/urandom >a; ln a b; ln a c");
    const { size, inodes } = await bench.store.usage(scope, bench.name, "one");
    assert.equal(inodes, 2);
    assert.ok(size >= 100_000 && size < 200_000, `${size} bytes`);
  });

  test("usage counts what du counts, whatever bytes a name has, without parents", async (bench) => {
    const odd = "$(printf 'odd\\377name')";
    await bench.layer("one", "", "head -c 50000 /dev/zero >below");
    const mounts = await bench.store.prepare(scope, bench.name, "active", "one");
    await bench.within(mounts, `mkdir -p a/b; head -c 9000 /dev/urandom >a/b/${odd}; ln -s x a/link`);
    const { size, inodes } = await bench.store.usage(scope, bench.name, "active");
    assert.equal(inodes, 5, "the root, a, b, the odd one and the link");
    assert.ok(size >= 9000 && size < 50_000, `${size} bytes`);
  });

  test("a sweep removes what a crash left without a record, and nothing else", async (bench) => {
    await bench.layer("one", "", "touch f");
    await using snapshotter = await open(bench.scratch.join("snapshots"));
    await snapshotter.create("4711", [], "active");
    assert.ok((await bench.ids()).includes("4711"));
    const staged = bench.store.canStage(bench.name) ? await bench.store.stage(bench.name) : undefined;
    await Promise.all([bench.store.sweep(), bench.layer("two", "one", "touch g")]);
    const ids = await bench.ids();
    assert.equal(ids.includes("4711"), false);
    if (staged) assert.ok(ids.includes(staged.id));
    assert.equal(await bench.show("two", "ls"), "f\ng\n");
    await snapshotter.create("4712", [], "active");
    await assert.rejects(bench.store.cleanup(scope, "nosuch"), fails(Code.InvalidArgument));
    await bench.store.cleanup(scope, bench.name);
    assert.equal((await bench.ids()).includes("4712"), false);
  });

  test("labels are kept, changed by paths and found by filters", async (bench) => {
    const { store, name } = bench;
    await store.prepare(scope, name, "k", "", { one: "1" });
    await store.update(scope, name, { name: "k", labels: { two: "2" } }, ["labels.two"]);
    assert.deepEqual(store.stat(scope, name, "k").labels, { one: "1", two: "2" });
    assert.equal(store.list(scope, name, ["kind==active,labels.two==2"]).length, 1);
    assert.equal(store.list(scope, name, ["kind==committed"]).length, 0);
    await assert.rejects(
      store.update(scope, name, { name: "k", labels: {} }, ["parent"]),
      fails(Code.InvalidArgument),
    );
    await store.commit(scope, name, "target", "k", { labels: { three: "3" }, sync: false });
    assert.deepEqual(store.stat(scope, name, "target").labels, { three: "3" });
    const again = store.prepare(scope, name, "z", "", { "containerd.io/snapshot.ref": "target" });
    await assert.rejects(again, fails(Code.AlreadyExists));
  });
}
