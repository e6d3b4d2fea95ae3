import assert from "node:assert/strict";
import { namedIn } from "../../../lib/cli/run/create.ts";
import type { Call } from "../../../lib/cli/command.ts";
import { containerFlags, runFlags } from "../../../lib/cli/run/flags.ts";
import { specOf } from "../../../lib/cli/run/spec.ts";
import { parse } from "../../../lib/cli/parse.ts";
import type { ImageConfig, Spec } from "../../../mod.ts";

const image: ImageConfig = { Entrypoint: ["/entry"], Cmd: ["x"] };
const context = { namespace: "ns", id: "c" };

function specFor(words: string[], args: string[] = [], known = containerFlags): Promise<Spec> {
  return specOf(parse(words, known).flags, context, image, args);
}

/** What Debian's ctr doesn't know, so that nothing can be compared: containerd 2's flags, and ours. */
const made: [words: string[], part: (spec: Spec) => unknown, expected: unknown][] = [
  [["--hostname", "web"], ({ hostname }) => hostname, "web"],
  [["--domainname", "example.com"], ({ domainname }) => domainname, "example.com"],
  [["--cpuset-cpus", "0-1,3", "--cpuset-mems", "0"], cpu, { cpus: "0-1,3", mems: "0" }],
  [["--cpu-burst", "5000", "--cpu-quota", "9000"], cpu, { quota: 9000, period: 0, burst: 5000 }],
  [["--pids-limit", "64"], ({ linux }) => linux.resources.pids, { limit: 64 }],
  [["--pids-limit", "-1"], ({ linux }) => linux.resources.pids, { limit: -1 }],
  [["--memory-limit", "64m"], ({ linux }) => linux.resources.memory, { limit: 64 << 20 }],
  [["--memory-limit", "1.5GiB"], ({ linux }) => linux.resources.memory, { limit: 1.5 * 2 ** 30 }],
  [["--rlimit-nofile", "10:20"], rlimits, [{ type: "RLIMIT_NOFILE", hard: 20, soft: 10 }]],
  [["--rlimit-nofile", "10"], rlimits, [{ type: "RLIMIT_NOFILE", hard: 10, soft: 10 }]],
  [["--rlimit", "core=0", "--rlimit", "nofile=7"], rlimits, [
    { type: "RLIMIT_CORE", hard: 0, soft: 0 },
    { type: "RLIMIT_NOFILE", hard: 7, soft: 7 },
  ]],
  [["--oom-score-adj", "-500"], ({ process }) => process.oomScoreAdj, -500],
  [["--shm-size", "1g"], shm, ["nosuid", "noexec", "nodev", "mode=1777", "size=1073741824"]],
  [["--cap-add", "net_admin", "--cap-drop", "ChOwN"], ({ process: { capabilities: { bounding } } }) => [
    bounding.includes("CAP_NET_ADMIN"),
    bounding.includes("CAP_CHOWN"),
  ], [true, false]],
  [["--privileged", "--privileged-without-host-devices"], ({ linux, process }) => [
    linux.devices,
    linux.maskedPaths,
    linux.resources.devices[0],
    process.capabilities.bounding.includes("CAP_SYS_ADMIN"),
  ], [undefined, undefined, { allow: false, access: "rwm" }, true]],
  [["--privileged", "--device", "/dev/full"], ({ linux: { resources } }) => resources.devices.at(-1), {
    allow: true,
    type: "c",
    major: 1,
    minor: 7,
    access: "rwm",
  }],
  [["--privileged", "--seccomp"], ({ linux }) => linux.seccomp?.syscalls?.[0]?.names.includes("mount"), true],
  [["--apparmor-profile", "own"], ({ process }) => process.apparmorProfile, "own"],
  [["--with-ns", "time:/proc/1/ns/time"], ({ linux }) => linux.namespaces.at(-1)?.type, "time"],
];

function cpu({ linux }: Spec): unknown {
  return linux.resources.cpu;
}
function rlimits({ process }: Spec): unknown {
  return process.rlimits;
}
function shm({ mounts }: Spec): unknown {
  return mounts.find(({ destination }) => destination === "/dev/shm")?.options;
}

for (const [words, part, expected] of made) {
  Deno.test(`${words.join(" ")} shapes the spec`, async () => {
    assert.deepEqual(part(await specFor(words)), expected);
  });
}

const refused: [words: string[], reason: RegExp][] = [
  [["--gpus", "0"], /--gpus is not supported: name the devices.*: invalid argument/],
  [["--device", "nvidia.com/gpu=0"], /CDI devices are not supported.*: invalid argument/],
  [["--sandbox", "s"], /there is no sandbox controller/],
  [["--apparmor-profile", "a", "--apparmor-default-profile", "b"], /exclude each other/],
  [["--privileged-without-host-devices"], /needs --privileged/],
  [["--blockio-class", "c"], /need each other/],
  [["--cpus", "2", "--cpu-quota", "1000"], /exclude each other/],
  [["--cpus", "-1"], /not a number of CPUs/],
  [["--cpuset-cpus", "a"], /write numbers and ranges/],
  [["--pids-limit", "many"], /not a whole number/],
  [["--memory-limit", "64q"], /not a number of bytes/],
  [["--oom-score-adj", "2000"], /between -1000 and 1000/],
  [["--rlimit", "nofile=2:1"], /the soft one is above/],
  [["--annotation", "=b"], /write key=value/],
  [["--with-ns", "net"], /write TYPE:PATH/],
];

for (const [words, reason] of refused) {
  Deno.test(`${words.join(" ")} is refused with the reason`, async () => {
    await assert.rejects(specFor(words), reason);
  });
}

Deno.test("a command takes the place of the image's, its entry point included", async () => {
  assert.deepEqual((await specFor([])).process.args, ["/entry", "x"]);
  assert.deepEqual((await specFor([], ["a", "b"])).process.args, ["a", "b"]);
});

Deno.test("run gives shares unless told otherwise, containers create gives none", async () => {
  assert.equal(cpu(await specFor([])), undefined);
  assert.deepEqual(cpu(await specFor([], [], runFlags)), { shares: 1024 });
  const names = runFlags.map(({ name }) => name);
  assert.deepEqual(names.filter((name, at) => names.indexOf(name) !== at), []);
});

Deno.test("--config needs an id, takes an image, and no command", () => {
  const call = (words: string[], args: string[]) =>
    namedIn({ flags: parse(words, containerFlags).flags, args, path: "ctr run" } as unknown as Call);
  assert.deepEqual(call(["--config", "f"], ["id"]), { id: "id", args: [] });
  assert.deepEqual(call(["--config", "f"], ["image", "id"]), { from: "image", id: "id", args: [] });
  assert.throws(() => call(["--config", "f"], ["image", "id", "true"]), /only an image and an id/);
  assert.throws(() => call(["--config", "f"], []), /provide a container id/);
  assert.throws(() => call([], ["image"]), /provide an image .* and a container id/);
  assert.deepEqual(call([], ["image", "id", "a", "b"]), { from: "image", id: "id", args: ["a", "b"] });
});
