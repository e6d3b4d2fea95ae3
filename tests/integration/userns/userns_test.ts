import assert from "node:assert/strict";
import { Captured, Client } from "../../../mod.ts";
import {
  type Longshore,
  must,
  push,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { listOwners, ownersImage } from "./image.ts";

const maps = ["--uidmap", "0:200000:65536", "--gidmap", "0:300000:65536"];
const several = ["--uidmap", "0:200000:1000,1000:500000:10", "--uidmap", "5000:400000:5"]
  .concat("--gidmap", "0:300000:65536");

/** Our daemon and Debian's with the same image. */
async function sides() {
  await using stack = new AsyncDisposableStack();
  const scratch = stack.use(await Scratch.make("shm"));
  const registry = stack.use(await startRegistry());
  const image = await push(await ownersImage(scratch), registry, "owners:1");
  // The container's root has no privilege on the way to its files.
  const prepare = (dir: string) => Deno.chmod(dir, 0o711);
  const ours = stack.use(await startLongshore({ where: "shm", prepare }));
  const theirs = stack.use(await startContainerd("shm", {}, prepare));
  for (const side of [ours, theirs]) {
    const pulled = await side.ctr(["images", "pull", "--plain-http", image]);
    assert.equal(pulled.code, 0, pulled.stderr);
  }
  const native = await ours.ctr(["images", "pull", "--snapshotter", "native", "--plain-http", image]);
  assert.equal(native.code, 0, native.stderr);
  const owned = stack.move();
  return { image, ours, theirs, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Runs a script in a container of its own; it must succeed. */
async function shell(side: { ctr: Longshore["ctr"] }, image: string, flags: string[], script: string) {
  const id = `c-${crypto.randomUUID()}`;
  const { code, stdout, stderr } = await side.ctr(["run", "--rm", ...flags, image, id, "sh", "-c", script]);
  assert.equal(code, 0, `${flags.join(" ")}: ${stderr}`);
  return stdout;
}

const mapOf = `cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '`;

Deno.test("a container with a user namespace", async (t) => {
  await using s = await sides();
  const { ours, theirs, image } = s;
  const plain = await shell(ours, image, [], listOwners);
  assert.match(plain, /\.\/own 81a0 1000:1000 \d+\n/);

  const ways = {
    "copied files": { side: ours, flags: maps },
    "files mapped by the overlay": { side: ours, flags: [...maps, "--remap-labels"] },
    "files of a native snapshot": {
      side: ours,
      flags: [...maps, "--remap-labels", "--snapshotter", "native"],
    },
    "Debian's containerd": { side: theirs, flags: maps },
  };
  for (const [name, { side, flags }] of Object.entries(ways)) {
    await t.step(`${name}: owners, modes and times are as in the image`, async () => {
      // containerd 1.6 loses set-user-ID bits.
      const expected = side === theirs ? plain.replace("./setid 8ded", "./setid 81ed") : plain;
      assert.equal(await shell(side, image, flags, listOwners), expected);
      assert.equal(await shell(side, image, flags, mapOf), " 0 200000 65536\n 0 300000 65536\n");
    });
    if (side === theirs) continue;
    await t.step(`${name}: a program's capabilities are its own still`, async () => {
      const chown = "cp /files/own /tmp/x; /files/chown 5:6 /tmp/x; stat -c %u:%g /tmp/x";
      const user = ["--allow-new-privs", "--user", "alice"];
      assert.equal(await shell(side, image, [...flags, ...user], chown), "5:6\n");
    });
    await t.step(
      `${name}: what is written belongs to mapped ids on the host, and the image stays`,
      async () => {
        const id = `w-${crypto.randomUUID()}`;
        const write = "echo new >/files/new; chown 7:8 /files/new; echo more >>/files/own";
        const { code, stderr } = await side.ctr(["run", ...flags, image, id, "sh", "-c", write]);
        assert.equal(code, 0, stderr);
        const [snapshotter] = flags.slice(-1)[0] === "native" ? ["native"] : ["overlayfs"];
        const mounted = await side.ctr(["snapshots", "--snapshotter", snapshotter!, "mounts", "/t", id]);
        const dir = /upperdir=([^,]+)/.exec(mounted.stdout)?.[1] ?? /bind (\S+)/.exec(mounted.stdout)?.[1];
        const owners = await must("stat", ["-c", "%u:%g", `${dir}/files/new`, `${dir}/files/own`, dir!]);
        assert.equal(owners, "200007:300008\n201000:301000\n200000:300000\n");
        assert.equal((await side.ctr(["rm", id])).code, 0);
        assert.equal(await shell(ours, image, [], listOwners), plain);
      },
    );
  }

  await t.step("its spec is the one that Go's ctr makes", async () => {
    const specs = await Promise.all([ours, theirs].map(async (side) => {
      const made = await side.ctr(["run", ...maps, image, "spec", "true"]);
      assert.equal(made.code, 0, made.stderr);
      const { Spec } = JSON.parse((await side.ctr(["containers", "info", "spec"])).stdout);
      await side.ctr(["containers", "rm", "spec"]);
      const { namespaces, uidMappings, gidMappings } = Spec.linux;
      return { namespaces, uidMappings, gidMappings, mounts: Spec.mounts, process: Spec.process };
    }));
    assert.deepEqual(specs[0], specs[1]);
  });

  await t.step("several ranges, by commas or repetition", async () => {
    const show = `${mapOf}; stat -c '%u:%g' /files/own`;
    for (const more of [[], ["--remap-labels"]]) {
      const shown = await shell(ours, image, [...several, ...more], show);
      const rows = " 0 200000 1000\n 1000 500000 10\n 5000 400000 5\n 0 300000 65536\n";
      assert.equal(shown, `${rows}1000:1000\n`);
    }
  });

  await t.step("two at a time share one copy", async () => {
    const flags = ["--uidmap", "0:700000:65536", "--gidmap", "0:700000:65536"];
    const both = await Promise.all([1, 2].map(() => shell(ours, image, flags, listOwners)));
    assert.deepEqual(both, [plain, plain]);
    const { stdout } = await ours.ctr(["snapshots", "ls"]);
    assert.doesNotMatch(stdout, /-remap/);
  });

  await t.step("a user of the image, an exec, the host's network", async () => {
    const id = `e-${crypto.randomUUID()}`;
    const flags = [...maps, "--remap-labels", "--net-host", "--user", "alice"];
    const started = await ours.ctr(["run", "-d", ...flags, image, id, "sleep", "1000"]);
    assert.equal(started.code, 0, started.stderr);
    const { stdout, stderr } = await ours.ctr([
      "tasks",
      "exec",
      "--exec-id",
      "x",
      id,
      "sh",
      "-c",
      "id; ls /sys",
    ]);
    assert.match(
      stdout,
      /uid=1000\(alice\) gid=1000\(alice\) groups=29\(audio\),44\(video\)[^]*\nkernel\n/,
      stderr,
    );
    assert.equal((await ours.ctr(["rm", "-f", id])).code, 0);
  });

  await t.step("a shim that can't map gets its files mounted", async () => {
    const flags = [...maps, "--remap-labels", "--runtime", "/usr/bin/containerd-shim-runc-v2"];
    assert.equal(await shell(ours, image, flags, listOwners), plain);
  });

  await t.step("Go's ctr copies files in our daemon's snapshots", async () => {
    const id = `go-${crypto.randomUUID()}`;
    const { code, stdout, stderr } = await ours.goCtr([
      "run",
      "--rm",
      ...maps,
      image,
      id,
      "sh",
      "-c",
      listOwners,
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, plain.replace("./setid 8ded", "./setid 81ed"));
  });

  await t.step("the library gives containers of both daemons a user namespace", async () => {
    const ids = [{ containerID: 0, hostID: 200000, size: 65536 }];
    for (const { address } of [ours, theirs]) {
      await using client = await Client.connect(address);
      for (const byLabels of [false, true]) {
        const options = {
          image: await client.image(image),
          args: ["sh", "-c", `${mapOf}; stat -c %u:%g /files/own`],
        };
        const userNamespace = { uids: ids, gids: ids, byLabels };
        await using container = await client.newContainer("library", { ...options, userNamespace });
        const io = new Captured();
        await using task = await container.newTask(io);
        await task.start();
        assert.equal((await task.wait()).code, 0, io.stderr);
        assert.equal(io.stdout, " 0 200000 65536\n 0 200000 65536\n1000:1000\n");
      }
    }
  });

  await t.step("what can't be mapped is refused before anything is made", async () => {
    const wrong: [string[], RegExp][] = [
      [["--uidmap", "0:1:1"], /--uidmap and --gidmap need each other: invalid argument/],
      [["--gidmap", "0:1:1", "--remap-labels"], /need each other: invalid argument/],
      [["--uidmap", "0:1:0", "--gidmap", "0:1:1"], /--uidmap "0:1:0": a range of no ids: invalid argument/],
      [["--uidmap", "0:1:1", "--gidmap", "0:4294967295:1"], /--gidmap .*ids go up to 4294967294: invalid/],
      [["--uidmap", "0:1:9", "--uidmap", "8:90:1", "--gidmap", "0:1:1"], /overlap in the container: invalid/],
      [["--uidmap", "0:1:9,9:9:1", "--gidmap", "0:1:1"], /overlap on the host: invalid argument/],
      [["--remap-labels"], /--remap-labels needs --uidmap and --gidmap/],
      [[...maps, "--config", "/nosuch"], /--uidmap and --config exclude each other/],
    ];
    for (const [flags, why] of wrong) {
      const command = flags.includes("--config") ? [] : ["true"];
      const { code, stderr } = await ours.ctr(["run", "--rm", ...flags, image, "wrong", ...command]);
      assert.equal(code, 1, flags.join(" "));
      assert.match(stderr, why);
    }
    assert.doesNotMatch((await ours.ctr(["snapshots", "ls"])).stdout, /wrong/);
  });

  await t.step("a mount that runc can't map is not mounted as it is", async () => {
    // Debian 12's runc is 1.1.
    for (const option of ["idmap", "ridmap"]) {
      const mount = ["--mount", `type=bind,src=/etc,dst=/host,options=rbind:${option}`];
      const { code, stderr } = await ours.ctr(["run", "--rm", ...maps, ...mount, image, "idmap", "true"]);
      assert.equal(code, 1);
      assert.match(
        stderr,
        /idmapped mount on \/host: \S+runc \(runc version 1\.1\S+\) has none; .*: not implemented/,
      );
    }
  });

  await t.step("owners without an id are named, and nothing stays", async () => {
    const flags = ["--uidmap", "0:800000:1000", "--gidmap", "0:800000:65536"];
    const { code, stderr } = await ours.ctr(["run", "--rm", ...flags, image, "unmapped", "true"]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /\/files\S* belongs to user 1000, which the id mappings leave out: failed precondition/,
    );
    assert.doesNotMatch((await ours.ctr(["snapshots", "ls"])).stdout, /unmapped|-remap|Active/);
    assert.doesNotMatch((await ours.ctr(["c", "ls"])).stdout, /unmapped/);
  });
});
