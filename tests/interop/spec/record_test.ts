import assert from "node:assert/strict";
import { defaultSpec } from "../../../mod.ts";
import {
  busyboxRootfs,
  ctrPath,
  imageOfDirs,
  must,
  push,
  type Registry,
  run,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { asOurs, type Difference, differences } from "./differences.ts";
import { type ContainerInfo, type Ctr, recordOf, removeRecord } from "./record.ts";

/** Flags for a container. `$DIR` is a directory of the test's. */
interface Case {
  flags: string[];
  /** For flags that `containers create` of Go's ctr hasn't. */
  run?: true;
  /** The image's tag; none with `--config`. */
  image?: string;
  args?: string[];
  /** Ours on Debian's containerd, too. */
  crosswise?: true;
}

const only = (...flags: string[]): Case => ({ flags });
const onRun = (...flags: string[]): Case => ({ flags, run: true });
const ofImage = (image: string, ...args: string[]): Case => ({ flags: [], image, args });

const cases: Record<string, Case> = {
  "nothing": { flags: [], crosswise: true },
  "nothing, run": { flags: [], run: true, crosswise: true },
  "a command": { flags: [], args: ["echo", "-n", "--", "a b"] },
  "variables": only("--env", "A=b", "--env", "PATH=/bin", "--env", "C", "--env", "D="),
  "variables of a file": only("--env-file", "$DIR/env", "--env", "FROM_FILE=no"),
  "labels": only("--label", "a=b", "--label", "c", "--label", "d="),
  "annotations": only("--annotation", "a=b", "--annotation", "c=d=e", "--label", "a=label"),
  "directory and terminal": only("--cwd", "/tmp", "--tty"),
  "mounts": only(
    "--mount",
    "type=bind,src=/tmp,dst=/host,options=rbind:ro",
    "--mount",
    "type=tmpfs,destination=/t,options=size=64m:mode=1777",
    "--mount",
    "source=/a=b,type=bind,dst=/host2,options=bind",
  ),
  "mounts said in short": only("--mount", "type=bind,src=/tmp,dst=/host", "--mount", "src=/tmp,dst=/host2"),
  "a mount at a default one's place": only("--mount", "type=tmpfs,src=tmpfs,dst=/run,options=size=1m"),
  "the host's network": only("--net-host"),
  "read-only": only("--read-only", "--rootfs-propagation", "rslave"),
  "namespaces": only("--with-ns", "network:/proc/1/ns/net", "--with-ns", "user:/proc/1/ns/user"),
  "devices": only("--device", "/dev/full", "--device", "/dev/net"),
  "capabilities": only("--cap-add", "CAP_NET_ADMIN", "--cap-drop", "CAP_CHOWN"),
  "every privilege": { flags: ["--privileged", "--device", "/dev/full"], crosswise: true },
  "new privileges": only("--allow-new-privs"),
  "a seccomp profile": { flags: ["--seccomp", "--seccomp-profile", "$DIR/seccomp.json"], crosswise: true },
  "an AppArmor profile": only("--apparmor-profile", "some-profile"),
  "a class of cache": only("--rdt-class", "gold"),
  "memory": only("--memory-limit", "67108864"),
  "a quota": only("--cpu-quota", "5000"),
  "a quota and its period": only("--cpu-quota", "5000", "--cpu-period", "20000"),
  "parts of CPUs": onRun("--cpus", "0.29"),
  "shares": onRun("--cpu-shares", "512"),
  "no shares": onRun("--cpu-shares", "0"),
  "a cgroup": onRun("--cgroup", "/$NS/own/place"),
  "the runtime's cgroup": onRun("--cgroup", ""),
  "another runc": onRun("--runc-binary", "/usr/sbin/runc", "--runc-root", "$DIR/runc"),
  "no pivot_root": { flags: ["--no-pivot"] },
  "another runtime": only("--runtime", "io.containerd.other.v1"),
  "another runtime, configured": only(
    "--runtime",
    "io.containerd.other.v1",
    "--runtime-config-path",
    "/etc/other.toml",
  ),
  "a label of its snapshot": only("--snapshotter-label", "a=b"),
  "no snapshotter said": only("--snapshotter", ""),
  "a directory": only("--rootfs"),
  "a spec of the user's": { flags: ["--config", "$DIR/config.json", "--label", "x=y", "--env", "UNUSED=1"] },
  "an image with everything": { ...ofImage("full"), crosswise: true },
  "an image with an entry point, and a command": ofImage("full", "more", "words"),
  "an image of a user by name": ofImage("alice"),
  "an image of a user and a group": ofImage("alice-video"),
  "an image of ids": ofImage("ids"),
  "an image whose record has labels": ofImage("labelled"),
};

/** How the images are made: `umoci config`. */
const images: Record<string, string[]> = {
  full: [
    ["config.entrypoint", "/bin/sleep"],
    ["config.cmd", "10"],
    ["config.workingdir", "/home"],
    ["config.env", "B=image"],
    ["config.env", "A=image"],
    ["config.label", "org.example.kept=yes"],
    ["config.label", "containerd.io/restart.status=running"],
    ["config.stopsignal", "SIGUSR1"],
    ["config.volume", "/data"],
    ["config.exposedports", "80/tcp"],
  ].map(([name, value]) => `--${name}=${value}`),
  alice: ["--config.user=alice"],
  "alice-video": ["--config.user=alice:video"],
  ids: ["--config.user=1000:44"],
  labelled: [],
  busybox: [],
};

/** What neither makes. */
const refused: string[][] = [
  ["--seccomp", "--seccomp-profile", "/dev/nosuch"],
  ["--seccomp", "--seccomp-profile", "$DIR/env"],
  ["--apparmor-default-profile", "a", "--apparmor-profile", "b"],
  ["--cap-add", "nosuch"],
  ["--device", "/dev/nosuch"],
  ["--device", "/etc/passwd"],
  ["--env-file", "/dev/nosuch"],
  ["--annotation", "a"],
  ["--mount", "dst"],
  ["--mount", "from=/a,dst=/b"],
  ["--with-ns", "network"],
  ["--with-ns", "nosuch:/proc/1/ns/net"],
  ["--memory-limit", "much"],
  ["--gpus", "0"],
  ["--config", "/dev/nosuch"],
];

async function prepare(scratch: Scratch, registry: Registry): Promise<Record<string, string>> {
  const rootfs = scratch.join("rootfs");
  await busyboxRootfs(rootfs);
  const layout = await imageOfDirs(scratch.join("image"), [rootfs], ["--config.cmd", "true"]);
  const references: Record<string, string> = {};
  for (const [tag, config] of Object.entries(images)) {
    const args = ["config", "--image", `${layout.path}:latest`, "--tag", tag, ...config];
    await must("umoci", args);
    references[tag] = await push({ path: layout.path, tag }, registry, `spec:${tag}`);
  }
  await Deno.writeTextFile(scratch.join("env"), 'FROM_FILE=a b \n# comment=1\nTRAILING= x\t\n\nQUOTED="q"\n');
  const profile = {
    defaultAction: "SCMP_ACT_ERRNO",
    architectures: ["SCMP_ARCH_X86_64"],
    syscalls: [{ names: ["read", "write"], action: "SCMP_ACT_ALLOW" }],
  };
  await Deno.writeTextFile(scratch.join("seccomp.json"), JSON.stringify(profile));
  const spec = defaultSpec("of", "the-user");
  spec.process.args = ["true"];
  spec.process.rlimits = [{ type: "RLIMIT_CORE", soft: 0, hard: 0 }];
  await Deno.writeTextFile(scratch.join("config.json"), JSON.stringify(spec));
  return references;
}

Deno.test("containers are recorded as Go's ctr records them", async (t) => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  await using containerd = await startContainerd("shm");
  await using longshore = await startLongshore({ where: "shm" });
  const references = await prepare(scratch, registry);
  // runc of Debian's containerd keeps all containers of a namespace in one place, and so do cgroups.
  const namespace = `record-${crypto.randomUUID().slice(0, 8)}`;
  const theirs: Ctr = (args) => containerd.ctr(["-n", namespace, ...args]);
  const ours: Ctr = (args) => longshore.ctr(["-n", namespace, ...args]);
  const crosswise: Ctr = (args) => run(ctrPath, ["--address", containerd.address, "-n", namespace, ...args]);
  for (const ctr of [theirs, ours]) {
    for (const reference of Object.values(references)) {
      const { code, stderr } = await ctr(["images", "pull", "--plain-http", reference]);
      assert.equal(code, 0, stderr);
    }
    await ctr(["images", "label", references.labelled!, "a=b", "containerd.io/restart.status=running"]);
  }
  const commandOf = ({ flags, run, image, args = [] }: Case, id: string): string[] => {
    const words = flags.map((flag) => flag.replace("$DIR", scratch.path).replace("$NS", namespace));
    const verb = run ? ["run", "--detach"] : ["containers", "create"];
    const from = flags.includes("--config")
      ? []
      : [flags.includes("--rootfs") ? scratch.join("rootfs") : references[image ?? "busybox"]!];
    return [...verb, ...words, ...from, id, ...flags.includes("--rootfs") ? ["true"] : args];
  };
  const used = new Set<Difference>();
  for (const [n, [name, one]] of Object.entries(cases).entries()) {
    await t.step(name, async () => {
      const id = one.flags.includes("--no-pivot") ? "no-pivot" : `c${n}`;
      const command = commandOf(one, id);
      const expected = await recordOf(theirs, command, id);
      assert.ok(typeof expected !== "string", `Go's ctr: ${expected}`);
      // One at a time: both would run in one cgroup. Ours are removed at the end, with their daemon.
      await removeRecord(theirs, id);
      const like = asOurs(expected as ContainerInfo, used);
      assert.deepEqual(await recordOf(ours, command, id), like);
      if (!one.crosswise) return;
      assert.deepEqual(await recordOf(crosswise, command, id), like, "on containerd");
      await removeRecord(theirs, id);
    });
  }
  await t.step("every difference is one", () => {
    assert.deepEqual(differences.filter((one) => !used.has(one)).map(({ why }) => why), []);
  });
  for (const flags of refused) {
    await t.step(`both refuse ${flags.join(" ")}, and leave nothing`, async () => {
      const command = commandOf({ flags }, "bad");
      assert.equal(typeof await recordOf(theirs, command, "bad"), "string");
      const reason = await recordOf(ours, command, "bad");
      assert.ok(typeof reason === "string" && /^ctr: [^\n]+\n$/.test(reason), String(reason));
      const { stdout } = await ours(["snapshots", "ls"]);
      assert.doesNotMatch(stdout, /^bad /m);
    });
  }
});
