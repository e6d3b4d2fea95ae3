/** What runtimes say of themselves: both ctrs, asking both daemons, of both shims. */
import assert from "node:assert/strict";
import {
  type CommandOptions,
  ctrPath,
  must,
  type Output,
  run,
  Scratch,
  startContainerd,
  startLongshore,
} from "../../harness/mod.ts";
import { containerd2 } from "../../harness/containerd2.ts";

const ready = containerd2();
const command = ["plugins", "inspect-runtime"];

Deno.test({
  name: "plugins inspect-runtime tells of runc what containerd 2 tells, whoever asks whom",
  ignore: !ready,
  async fn() {
    await using scratch = await Scratch.make("shm");
    const bin = scratch.join("bin");
    await Deno.mkdir(bin);
    await Deno.symlink(ctrPath, `${bin}/containerd-shim-longshore-v2`);
    const env = { PATH: `${ready!.path}:${bin}` };
    await using theirs = await startContainerd("shm", env);
    await using ours = await startLongshore({ where: "shm", env });
    const goCtr = ({ address }: { address: string }) => (args: string[], options?: CommandOptions) =>
      run(ready!.ctr, ["--address", address, ...args], options);
    const asked = [goCtr(theirs), goCtr(ours), (args: string[]) => ours.ctr(args)];
    asked.push((args: string[]) => run(ctrPath, ["--address", theirs.address, ...args]));

    /** The four outcomes, without the version of the daemon's own shim. */
    const all = async (...flags: string[]) =>
      (await Promise.all(asked.map((ctr) => ctr([...command, ...flags])))).map((
        { code, stdout }: Output,
      ) => ({
        code,
        stdout: stdout.replace(/("Version": )"[^"]+",\n( *"Revision": )"[^"]*"/, '$1"",\n$2""'),
      }));
    const cases: string[][] = [
      [],
      ["--runtime", "io.containerd.runc.v2"],
      ["--runc-binary", "/usr/sbin/runc", "--runc-root", "/run/elsewhere"],
      ["--runc-binary", "/bin/false"],
      ["--runc-binary", "/nosuch"],
      ["--runtime", "/bin/true"],
      ["--runtime", "/bin/false"],
      ["--runtime", "io.containerd.nosuch.v1"],
      ["--runtime", `${ready!.path.split(":")[0]}/containerd-shim-runc-v2`],
      ["--runtime", "io.containerd.longshore.v2"],
    ];
    for (const flags of cases) {
      const [first, ...others] = await all(...flags);
      for (const [n, other] of others.entries()) {
        assert.deepEqual(other, first, `${flags.join(" ")}, way ${n + 1}`);
      }
    }
    const { stdout } = await ours.ctr(command);
    const info = JSON.parse(stdout);
    assert.deepEqual(info.Features, JSON.parse(await must("runc", ["features"])));
    assert.deepEqual(info.Version, { Version: "0.1.0", Revision: info.Version.Revision });
    const own = JSON.parse(
      (await goCtr(theirs)([...command, "--runtime", "io.containerd.longshore.v2"])).stdout,
    );
    assert.equal(own.Name, "io.containerd.longshore.v2");
    assert.deepEqual(own.Features, info.Features);
    // Go's ctr demands a flag that this command hasn't got.
    const systemd = JSON.parse((await ours.ctr([...command, "--runc-systemd-cgroup"])).stdout);
    assert.deepEqual(systemd.Options, { systemd_cgroup: true });
    const missing = await ours.ctr([...command, "--runc-binary", "/nosuch"]);
    assert.match(missing.stderr, /^ctr: \/nosuch is not there: .*not found$/m);
  },
});

Deno.test("plugins inspect-runtime says of a daemon without the call that it has none", async () => {
  await using theirs = await startContainerd("shm");
  const { code, stderr } = await run(ctrPath, ["--address", theirs.address, ...command]);
  assert.equal(code, 1);
  assert.match(stderr, /unknown method PluginInfo.*: not implemented/);
});
