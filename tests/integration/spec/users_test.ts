import assert from "node:assert/strict";
import { Scratch, startLongshore, startRegistry } from "../../harness/mod.ts";
import { pushVariants } from "./images.ts";

/** uid, gid and all groups, by `--user`. alice is 1000, in audio (29) and video (44) too. */
const users: Record<string, [uid: number, gid: number, groups: number[]]> = {
  "alice": [1000, 1000, [29, 44, 1000]],
  "1000": [1000, 1000, [29, 44, 1000]],
  "1000:44": [1000, 44, [29, 44]],
  "alice:audio": [1000, 29, [29, 44]],
  "4242": [4242, 0, [0]],
  "root": [0, 0, [0]],
};

/** The name of root's second entry is a number, and not a name. */
const never = ["4294967296", "2147483648", "-1", "nobody", "alice:nogroup"];

const script = "id -u; id -g; id -G; grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status";

Deno.test("users, privileges and limits of run and exec", async (t) => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  await using longshore = await startLongshore({ where: "shm" });
  // Cgroups are named by it, and shared by all daemons.
  const namespace = `spec-${crypto.randomUUID().slice(0, 8)}`;
  const ctr = (args: string[]) => longshore.ctr(["-n", namespace, ...args]);
  const { plain: image } = await pushVariants(scratch, registry, { plain: {} });
  assert.equal((await ctr(["images", "pull", "--plain-http", image!])).code, 0);
  let n = 0;
  const run = (flags: string[], ...command: string[]) =>
    ctr(["run", "--rm", ...flags, image!, `run-${n++}`, ...command]);
  const exec = (flags: string[], ...command: string[]) =>
    ctr(["tasks", "exec", "--exec-id", `exec-${n++}`, ...flags, "held", ...command]);
  const held = await ctr(
    ["run", "--detach", "--cap-drop", "CAP_CHOWN", "--env", "SECRET=1", image!, "held", "sleep", "1000"],
  );
  assert.equal(held.code, 0, held.stderr);

  const ids = (stdout: string) => {
    const [uid, gid, groups] = stdout.split("\n");
    return [Number(uid), Number(gid), groups!.split(" ").map(Number).sort((a, b) => a - b)];
  };
  for (const [user, expected] of Object.entries(users)) {
    await t.step(`CVE-2023-25173: ${user} has just its groups, in run and exec`, async () => {
      for (const how of [run, exec]) {
        const { code, stdout, stderr } = await how(["--user", user], "sh", "-c", script);
        assert.equal(code, 0, stderr);
        assert.deepEqual(ids(stdout), expected, how.name);
      }
    });
  }
  for (const user of never) {
    await t.step(`CVE-2024-40635, CVE-2026-46680: ${user} is refused, in run and exec`, async () => {
      for (const how of [run, exec]) {
        const { code, stdout, stderr } = await how([`--user=${user}`], "id", "-u");
        assert.deepEqual([code, stdout], [1, ""], how.name);
        assert.match(stderr, /^ctr: .*: invalid argument\n$/);
      }
    });
  }

  const sets = (stdout: string) =>
    Object.fromEntries(
      [...stdout.matchAll(/^Cap(\w+):\s*(\w+)$/gm)].map(([, set, bits]) => [set!, BigInt(`0x${bits}`)]),
    );
  await t.step(
    "CVE-2022-24769, CVE-2022-29162: nothing is inheritable, and an exec has no more than the spec",
    async () => {
      const CHOWN = 1n;
      const given = sets((await run(["--cap-drop", "CAP_CHOWN"], "sh", "-c", script)).stdout);
      assert.deepEqual([given.Inh, given.Amb, given.Prm! & CHOWN], [0n, 0n, 0n]);
      assert.ok(given.Prm! > 0n);
      for (const flags of [[], ["--user", "alice"]]) {
        const set = sets((await exec(flags, "sh", "-c", script)).stdout);
        assert.deepEqual([set.Inh, set.Amb], [0n, 0n]);
        assert.equal((set.Prm! | set.Eff! | set.Bnd!) & ~given.Bnd!, 0n, "a subset");
      }
    },
  );

  await t.step("CVE-2021-21334: a container has no other's variables", async () => {
    assert.equal((await run([], "sh", "-c", "echo $SECRET")).stdout, "\n");
    assert.equal((await exec([], "sh", "-c", "echo $SECRET")).stdout, "1\n");
  });

  await t.step("limits given by flags are in force", async () => {
    const flags =
      "--rlimit-nofile 10:20 --rlimit core=0 --oom-score-adj 100 --cpuset-cpus 0 --shm-size 1m --hostname web";
    const look = "ulimit -Sn; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj; hostname; " +
      "grep Cpus_allowed_list /proc/self/status | cut -f 2; df -k /dev/shm | tail -1 | awk '{ print $2 }'";
    const { stdout, stderr } = await run(flags.split(" "), "sh", "-c", look);
    assert.equal(stdout, "10\n20\n0\n100\nweb\n0\n1024\n", stderr);
    const many = await run(["--pids-limit", "5"], "sh", "-c", "for n in 1 2 3 4 5 6; do sleep 1 & done");
    assert.match(many.stderr, /can't fork/);
  });

  await t.step("a spec of the user's own, as oci spec gives it, is run", async () => {
    const spec = JSON.parse((await ctr(["oci", "spec"])).stdout);
    spec.process.args = ["sh", "-c", "echo $OWN; hostname"];
    spec.process.env.push("OWN=yes");
    spec.hostname = "edited";
    spec.linux.cgroupsPath += "/own-spec";
    const [file, dump] = [scratch.join("config.json"), scratch.join("dump.json")];
    await Deno.writeTextFile(file, JSON.stringify(spec));
    const flags = ["--config", file, "--dump-config", dump, "--label", "a=b"];
    const { code, stdout, stderr } = await ctr(["run", "--rm", ...flags, image!, "own-spec"]);
    assert.deepEqual([code, stdout], [0, "yes\nedited\n"], stderr);
    assert.deepEqual(JSON.parse(await Deno.readTextFile(dump)), { ...spec, annotations: { a: "b" } });
    // As Go's ctr has it: an id alone, and the root file system from the spec.
    spec.root.path = scratch.join("rootfs");
    await Deno.writeTextFile(file, JSON.stringify(spec));
    const alone = await ctr(["run", "--rm", "--config", file, "own-root"]);
    assert.deepEqual([alone.code, alone.stdout], [0, "yes\nedited\n"], alone.stderr);
  });
});
