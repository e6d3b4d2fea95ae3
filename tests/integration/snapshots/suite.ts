/**
 * What every snapshotter has to do: one suite for all of them, through real mounts, under the records that the
 * metadata room keeps.
 */
import assert from "node:assert/strict";
import { Kind } from "../../../lib/api/services/snapshots/v1/snapshots.ts";
import type { Mount } from "../../../lib/api/types/mount.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { createExchange } from "../../../lib/events/mod.ts";
import { Database, SnapshotStore } from "../../../lib/metadata/mod.ts";
import { toMillis } from "../../../lib/rpc/timestamp.ts";
import type { Snapshotter } from "../../../lib/snapshots/mod.ts";
import { mountAll, unmountAll } from "../../../lib/sys/mod.ts";
import { must, Scratch } from "../../harness/mod.ts";

const scope = { namespace: "suite" };
const fails = (code: Code) => (error: unknown) => isError(error, code);

/** Makes one file of each kind, with all that a file may have. */
const everyKind = `
  mkdir -p dir/deep; echo small >dir/small; chmod 2750 dir/deep; setfattr -n user.note -v dir dir
  echo hard >hard; ln hard dir/deep/hard; ln -s /nowhere/at/all link; chown -h 5:6 link
  mknod char c 1 3; mknod block b 7 200; chmod 0642 char; mkfifo -m 0604 fifo; ln fifo fifo2
  dd if=/dev/urandom of=big bs=1M count=3 status=none; truncate -s 50M sparse
  printf data | dd of=sparse bs=1 seek=20000000 conv=notrunc status=none
  cp /bin/true caps; setcap cap_net_raw+ep caps; echo id >setid; chown 7:8 setid; chmod 6755 setid
  setfattr -n trusted.note -v t hard; touch -hd '2003-04-05 06:07:08.123456789' link dir/small char setid dir`;
/** Shows all of them. */
const listing = `
  find . -mindepth 1 ! -name new ! -name dir -printf '%p %y %m %U:%G %n %T@ %l\\n' | sort
  stat -c '%n %t:%T' char block; getfattr -Rhd -m- . | grep -v overlay; getcap caps`;

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

  get database(): Database {
    return this.#db;
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

/** What differs between snapshotters. */
export interface Traits {
  /** Opens one in a directory. */
  readonly open: (root: string) => Promise<Snapshotter>;
  /** Makes the file system that one needs in a directory; it is unmounted with all others there. */
  readonly prepare?: (dir: string) => Promise<void>;
  /** Whether the files of a snapshot's parents count as its own, since it is a copy. */
  readonly copies?: true;
}

/** Registers the suite's tests for one snapshotter. */
export function snapshotterSuite(name: string, { open, prepare, copies }: Traits): void {
  const test = (what: string, body: (bench: Bench) => Promise<void>, where?: "shm") =>
    Deno.test(`${name}: ${what}`, async () => {
      const scratch = await Scratch.make(where);
      await prepare?.(scratch.path);
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

  test("labels give a snapshot's files to the ids of a user namespace, and their parent's stay", async (bench) => {
    await bench.layer("one", "", `${everyKind}; chown 9:9 .; touch gone`);
    await bench.layer("two", "one", "rm gone; echo 2 >dir/added; chown 3:4 dir/added");
    const before = await bench.show("two", listing);
    const labels = {
      "containerd.io/snapshot/uidmapping": "0:100000:1000",
      "containerd.io/snapshot/gidmapping": "0:300000:1000",
    };
    const raise = (text: string) =>
      text.replace(
        / (\d+):(\d+) (?=\d+ \d+\.)/g,
        (_, uid, gid) => ` ${100000 + Number(uid)}:${300000 + Number(gid)} `,
      );
    const withoutCaps = (text: string) => text.replace(/^security.capability=.*$|^caps .*$/gm, "");
    // The same, but for owners; capabilities name the root whom they serve.
    const mounts = await bench.store.prepare(scope, bench.name, "mapped", "two", labels);
    const mapped = await bench.within(mounts, `${listing}; stat -c %u:%g . >&2`);
    assert.equal(withoutCaps(mapped), withoutCaps(raise(before)));
    assert.match(
      await bench.within(mounts, "getcap -n caps"),
      /cap_net_raw=ep \[rootid=100000\]|cap_net_raw=ep$/m,
    );
    const script =
      "echo new >new; chown 100007:300007 new; echo more >>dir/small; stat -c %u:%g . new dir/small";
    assert.equal(await bench.within(mounts, script), "100009:300009\n100007:300007\n100000:300000\n");
    // What was written has those ids on disk, however often it is mounted.
    const again = bench.store.mounts(scope, bench.name, "mapped");
    assert.equal(
      await bench.within(again, "stat -c %u:%g . new dir/small setid"),
      "100009:300009\n100007:300007\n100000:300000\n100007:300008\n",
    );
    for (const parent of ["one", "two"]) {
      const view = await bench.store.view(scope, bench.name, `view of ${parent}`, parent, labels);
      assert.equal(await bench.within(view, "stat -c %u:%g setid"), "100007:300008\n");
      await assert.rejects(bench.within(view, "touch x"), /Read-only/);
    }
    assert.equal(await bench.show("two", listing), before);
  });

  test("labels that map nothing right are refused, and leave nothing", async (bench) => {
    await bench.layer("one", "", "touch a");
    const ids = await bench.ids();
    const wrong: [string, string | undefined, RegExp][] = [
      ["0:1:0", "0:1:1", /a range of no ids/],
      ["0:1:1,0:9:1", "0:1:1", /overlap in the container/],
      ["0:1:1", undefined, /need each other/],
      ["nonsense", "0:1:1", /write container-id/],
    ];
    for (const [uids, gids, why] of wrong) {
      const labels = {
        "containerd.io/snapshot/uidmapping": uids,
        ...gids ? { "containerd.io/snapshot/gidmapping": gids } : {},
      };
      await assert.rejects(
        bench.store.prepare(scope, bench.name, "wrong", "one", labels),
        (error: unknown) => isError(error, Code.InvalidArgument) && why.test((error as Error).message),
      );
    }
    const labels = {
      "containerd.io/snapshot/uidmapping": "1:1:1",
      "containerd.io/snapshot/gidmapping": "0:1:1",
    };
    await assert.rejects(
      bench.store.prepare(scope, bench.name, "wrong", "one", labels),
      (error: unknown) =>
        isError(error, Code.FailedPrecondition) && / leave out/.test((error as Error).message),
    );
    await bench.store.sweep();
    assert.deepEqual((await bench.ids()).sort(), ids.sort());
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
  }, "shm");

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

  test("files of every kind look the same through a child as in the layer that made them", async (bench) => {
    await bench.layer("one", "", everyKind);
    await bench.layer("two", "one", "touch -d 2001-01-01 new; chmod 0700 dir");
    assert.equal(await bench.show("two", listing), await bench.show("one", listing));
    assert.equal(
      await bench.show("two", "stat -c %h hard; stat -c %b sparse; cat big | cksum; cat dir/small"),
      await bench.show("one", "stat -c %h hard; stat -c %b sparse; cat big | cksum; cat dir/small"),
    );
    assert.equal(await bench.show("two", "stat -c %b sparse"), "8\n");
  });

  test("directories, files and symlinks take each other's place, and renames go over what was deleted", async (bench) => {
    await bench.layer("one", "", "mkdir dir; echo 1 >dir/f; echo 1 >file; ln -s dir link; echo 1 >moved");
    await bench.layer("two", "one", "rm -r dir; echo 2 >dir; rm file; mkdir file; rm link; mv moved link");
    await bench.layer("three", "two", "mv dir away; mkdir dir; mv away dir/f; rmdir file; mv link file");
    assert.equal(
      await bench.show("three", "find . -type f | sort; cat dir/f file"),
      "./dir/f\n./file\n2\n1\n",
    );
    assert.equal(await bench.show("one", "cat dir/f file link/f moved"), "1\n1\n1\n1\n");
  });

  test("a chain outlives the snapshotter, and goes from its end only", async (bench) => {
    await bench.layer("one", "", "echo 1 >f");
    await bench.layer("two", "one", "echo 2 >g");
    const active = await bench.store.prepare(scope, bench.name, "active", "two");
    await bench.within(active, "echo 3 >h");
    await using again = await open(bench.scratch.join("snapshots"));
    const db = bench.database;
    const store = new SnapshotStore(db, [again], createExchange());
    assert.deepEqual(store.mounts(scope, bench.name, "active"), active);
    assert.equal(await bench.within(store.mounts(scope, bench.name, "active"), "cat f g h"), "1\n2\n3\n");
    await store.view(scope, bench.name, "view", "two");
    for (const key of ["one", "two"]) {
      await assert.rejects(store.remove(scope, bench.name, key), fails(Code.FailedPrecondition));
    }
    for (const key of ["view", "active", "two", "one"]) await store.remove(scope, bench.name, key);
    assert.deepEqual(await bench.ids(), []);
    await bench.layer("one", "", "echo again >f");
    assert.equal(await bench.show("one", "cat f"), "again\n");
  });

  test("one committed snapshot carries many at the same time, each with changes of its own", async (bench) => {
    await bench.layer("one", "", "echo below >f; mkdir d");
    const keys = Array.from({ length: 8 }, (_, n) => `a/b c ${n} \u00e9\u{1f600}`);
    await Promise.all(keys.map(async (key, n) => {
      const mounts = await bench.store.prepare(scope, bench.name, key, "one");
      await bench.within(mounts, `echo ${n} >f; touch d/${n}`);
      await bench.store.commit(scope, bench.name, `done ${n}`, key, { sync: false });
    }));
    for (const n of keys.keys()) assert.equal(await bench.show(`done ${n}`, "cat f; ls d"), `${n}\n${n}\n`);
    assert.equal(await bench.show("one", "cat f; ls d"), "below\n");
  });

  test("the same key is another snapshot in another namespace", async (bench) => {
    const other = { namespace: "other" };
    await bench.layer("one", "", "touch ours");
    const mounts = await bench.store.prepare(other, bench.name, "prepare", "");
    await bench.within(mounts, "touch theirs");
    await assert.rejects(bench.store.prepare(other, bench.name, "x", "one"), fails(Code.NotFound));
    await bench.store.commit(other, bench.name, "one", "prepare");
    assert.equal(await bench.show("one", "ls"), "ours\n");
    await bench.store.remove(scope, bench.name, "one");
    assert.equal(await bench.within(await bench.store.view(other, bench.name, "v", "one"), "ls"), "theirs\n");
  });

  test("a number's left-over, of records that were lost, is replaced", async (bench) => {
    await using snapshotter = await open(bench.scratch.join("snapshots"));
    await snapshotter.create("1", [], "active");
    await bench.within(snapshotter.mounts("1", [], "active"), "touch old");
    await bench.layer("one", "", "touch new");
    assert.equal(await bench.show("one", "ls"), "new\n");
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
    const places = (await Promise.all(different)).map(([mount]) => `${mount!.source} ${mount!.options}`);
    assert.equal(new Set(places).size, 20);
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
    assert.ok(size >= 9000, `${size} bytes`);
    if (copies) return assert.equal(inodes, 6, "the root, a, b, the odd one, the link and what is below");
    assert.ok(size < 50_000, `${size} bytes`);
    // Whether a directory counts in which something changed is the snapshotter's.
    assert.ok(inodes === 4 || inodes === 5, "a, b, the odd one, the link, and the root or not");
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

  test("stat and list tell kinds, parents and times, and every parent leads to the root", async (bench) => {
    const { store, name } = bench;
    await bench.layer("one", "", "touch a");
    await bench.layer("two", "one", "touch b");
    await store.prepare(scope, name, "active", "two");
    await store.view(scope, name, "view", "one");
    const told = store.list(scope, name).map((info) => `${info.name} ${info.parent} ${Kind[info.kind]}`);
    const all = ["active two ACTIVE", "one  COMMITTED", "two one COMMITTED", "view one VIEW"];
    assert.deepEqual(told.sort(), all);
    const chain: string[] = [];
    for (let at = "active"; at; at = store.stat(scope, name, at).parent) chain.push(at);
    assert.deepEqual(chain, ["active", "two", "one"]);
    const before = store.stat(scope, name, "active");
    assert.deepEqual(before.createdAt, before.updatedAt);
    const after = await store.update(scope, name, { name: "active", labels: { a: "b" } }, ["labels.a"]);
    assert.deepEqual(after.createdAt, before.createdAt);
    assert.ok(toMillis(after.updatedAt!) >= toMillis(before.updatedAt!));
    assert.deepEqual(store.stat(scope, name, "active"), after);
  }, "shm");

  test("closing twice is as good as once, and takes nothing away", async (bench) => {
    await bench.layer("one", "", "echo kept >f");
    const again = await open(bench.scratch.join("snapshots"));
    await again[Symbol.asyncDispose]();
    await again[Symbol.asyncDispose]();
    assert.equal(await bench.show("one", "cat f"), "kept\n");
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
