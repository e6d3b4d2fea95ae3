/** The native and btrfs snapshotters through the built ctr, Debian's ctr, and beside Debian's containerd. */
import assert from "node:assert/strict";
import {
  ctrPath,
  type Longshore,
  mountBtrfs,
  must,
  type Output,
  run,
  Scratch,
  startLongshore,
} from "../../harness/mod.ts";
import { compareTrees, type Difference, readTree } from "../../harness/tree.ts";
import { layeredBusybox, out, rows, snapshotters, withBoth } from "./support.ts";

for (const name of snapshotters) {
  const flag = ["--snapshotter", name];

  Deno.test(`${name}: an image of every kind of file unpacks to the tree that Debian's containerd unpacks`, async () => {
    await withBoth(name, layeredBusybox, async ({ ours, theirs, scratch }) => {
      const [here, there] = [scratch.join("here"), scratch.join("there")];
      for (const [daemon, target] of [[ours, here], [theirs, there]] as const) {
        await Deno.mkdir(target);
        const snapshots = (...args: string[]) => out(daemon.ctr(["snapshots", ...flag, ...args]));
        await viewThatStays((args) => daemon.ctr(args), flag, await topOf(daemon, flag));
        await must("sh", ["-c", await snapshots("mounts", target, "view")]);
      }
      const tree = readTree(here);
      // The root has the time of unpacking; Debian's copies of directories have the time of copying.
      const known = ({ path, field }: Difference) =>
        field === "mtime" && (path === "" || name === "native" && tree.get(path)!.type === "directory");
      assert.deepEqual(compareTrees(readTree(there), tree, known), []);
      assert.equal(tree.get("shared")!.mtime, "981173045.006789012");
      assert.equal(tree.get("data/hard")!.links, 1, "the layers above hide its other name");
    });
  });

  Deno.test(`${name}: containers run, change their own files, and become images`, async () => {
    await withBoth(name, layeredBusybox, async ({ ours, image }) => {
      const see = "cat /data/gone/c /etc/motd; ls /data/gone /data/kept";
      const run = (flags: string[], id: string, script: string, from = image) =>
        out(ours.ctr(["run", ...flags, ...flag, from, id, "sh", "-c", script]));
      const seen = "third\nmotd\n/data/gone:\nc\n\n/data/kept:\n";
      assert.equal(await run(["--rm"], "one", see), seen);
      await run([], "worked", "rm -r /data/gone; echo new >/data/kept/new; chmod 0700 /etc");
      assert.equal(await run(["--rm"], "two", see), seen);
      await out(ours.ctr(["commit", "worked", "docker.io/library/made:1"]));
      const more = "cat /data/kept/new; ls -d /data/[ks]*; stat -c %a /etc";
      await out(ours.ctr(["snapshots", ...flag, "unpack", await digestOf("made:1")]));
      assert.equal(
        await run(["--rm"], "three", more, "docker.io/library/made:1"),
        "new\n/data/kept\n/data/setid\n700\n",
      );
      await out(ours.ctr(["containers", "rm", "worked"]));

      async function digestOf(tag: string): Promise<string> {
        const listed = await out(ours.ctr(["images", "ls"]));
        return listed.split("\n").find((line) => line.includes(tag))!.match(/sha256:[0-9a-f]{64}/)![0];
      }
    });
  });

  Deno.test(`${name}: Debian's ctr drives ours as it drives its own`, async () => {
    await withBoth(name, layeredBusybox, async ({ ours, theirs, image }) => {
      const both = async (args: string[]) => {
        const [here, there] = [await out(ours.goCtr(args)), await out(theirs.ctr(args))];
        return [here, there] as const;
      };
      const snapshots = (...args: string[]) => both(["snapshots", ...flag, ...args]);
      const same = ([here, there]: readonly [string, string]) => assert.equal(here, there);

      same(
        await both([
          "run",
          "--rm",
          ...flag,
          image,
          "c1",
          "sh",
          "-c",
          "echo hi >/etc/x; cat /etc/x /etc/motd",
        ]),
      );
      same(await snapshots("ls"));
      const leaf = await topOf(ours, flag);
      await snapshots("prepare", "active", leaf);
      await viewThatStays((args) => ours.goCtr(args), flag, leaf);
      await viewThatStays((args) => theirs.ctr(args), flag, leaf);
      for (const key of ["active", "view"]) {
        const [here, there] = await snapshots("mounts", "/mnt/x", key);
        assert.equal(shape(here), shape(there));
      }
      same(await snapshots("usage", "-b", "view"));
      for (const [here, there] of zip(await snapshots("usage", "-b"))) near(here, there);
      await snapshots("commit", "made", "active");
      same(await snapshots("tree"));
      same(await snapshots("rm", "view"));
      same(await snapshots("rm", "made"));
      same(await snapshots("ls"));
    });
  });
}

/**
 * Makes the snapshot `view` of `parent` and keeps it from collections by a label. One that comes before the label
 * takes it, as nothing else refers to a view: then it is made again.
 */
async function viewThatStays(
  ctr: (args: string[]) => Promise<Output>,
  flag: string[],
  parent: string,
): Promise<void> {
  const snapshots = (...args: string[]) => ctr(["snapshots", ...flag, ...args]);
  for (let n = 0;; n++) {
    await out(snapshots("view", "view", parent));
    const labelled = await snapshots("label", "view", "containerd.io/gc.root=test");
    if (n === 9 || !/not found/.test(labelled.stderr)) return void await out(Promise.resolve(labelled));
  }
}

/** The only snapshot that is nobody's parent. */
async function topOf(daemon: Pick<Longshore, "ctr">, flag: string[]): Promise<string> {
  const listed = rows(await out(daemon.ctr(["snapshots", ...flag, "ls"])));
  return listed.map(([key]) => key!).find((key) => !listed.some(([, parent]) => parent === key))!;
}

/** A mount command without what is one daemon's: its paths, numbers and device. */
const shape = (mount: string) =>
  mount.replace(/\/dev\/loop\d+/, "DEVICE").replace(/\/dev\/shm\S+/, "PATH").replace(
    /subvolid=\d+/,
    "subvolid=N",
  );

function zip([here, there]: readonly [string, string]): [string[], string[]][] {
  const others = rows(there);
  return rows(here).map((row, n) => [row, others[n]!]);
}

/** The same key and number of inodes, and a size that differs by what two file systems allot. */
function near([key, size, inodes]: string[], [otherKey, otherSize, otherInodes]: string[]): void {
  assert.deepEqual([key, inodes], [otherKey, otherInodes]);
  const [one, other] = [Number(size), Number(otherSize)];
  assert.ok(Math.abs(one - other) <= 4096 * Number(inodes), `${key}: ${one} bytes here, ${other} there`);
}

Deno.test("a snapshotter's directory and options are taken from the configuration, and a wrong one is named", async () => {
  await using scratch = await Scratch.make("shm");
  await mountBtrfs(scratch.join("elsewhere"));
  const table = (name: string, text: string) => `[plugins."io.containerd.snapshotter.v1.${name}"]\n${text}\n`;
  const root = scratch.join("elsewhere", "snapshots");
  const config = table("btrfs", `root_path = "${root}/"`) +
    table("overlayfs", 'mount_options = ["volatile"]');
  await using ours = await startLongshore({ where: "shm", config });
  const details = await out(ours.goCtr(["plugins", "ls", "-d", "id==btrfs"]));
  assert.match(details, new RegExp(`root\\s+${root}\n`));
  const inBtrfs = (...args: string[]) => out(ours.ctr(["snapshots", "--snapshotter", "btrfs", ...args]));
  await inBtrfs("prepare", "active");
  assert.equal([...Deno.readDirSync(root)].length, 1);
  await inBtrfs("rm", "active");
  await out(ours.ctr(["snapshots", "prepare", "active"]));
  await out(ours.ctr(["snapshots", "commit", "one", "active"]));
  await out(ours.ctr(["snapshots", "prepare", "active", "one"]));
  assert.match(await out(ours.ctr(["snapshots", "mounts", "/mnt", "active"])), /volatile/);

  const wrong = scratch.join("wrong.toml");
  await Deno.writeTextFile(wrong, table("native", 'root_path = "relative"'));
  const places = ["--root", scratch.join("root"), "--state", scratch.join("state")];
  const refused = await run(ctrPath, ["daemon", ...places, "--config", wrong]);
  assert.match(
    refused.stderr,
    /root_path of plugins."io.containerd.snapshotter.v1.native" is not an absolute path/,
  );
});

Deno.test("btrfs: where the root isn't on btrfs both ctrs list it as skipped, and why", async () => {
  await using ours = await startLongshore({ where: "shm" });
  const status = (list: string) => rows(list).filter(([type]) => type!.includes("snapshotter.v1"));
  for (const list of [await out(ours.ctr(["plugins", "ls"])), await out(ours.goCtr(["plugins", "ls"]))]) {
    const states = status(list).map(([, id, , state]) => `${id} ${state}`).sort();
    assert.deepEqual(states, ["btrfs skip", "native ok", "overlayfs ok"]);
  }
  const details = await out(ours.ctr(["plugins", "ls", "-d", "id==btrfs"]));
  assert.match(
    details,
    /path \S+\/btrfs \(tmpfs\) must be a btrfs filesystem to be used with the btrfs snapshotter: skip plugin/,
  );
  const refused = await ours.ctr(["snapshots", "--snapshotter", "btrfs", "prepare", "x"]);
  assert.match(refused.stderr, /snapshotter not loaded: btrfs: invalid argument/);
  assert.equal(await must("sh", ["-c", 'ls "$1"', "sh", `${ours.root}/snapshots/btrfs`]), "");
});
