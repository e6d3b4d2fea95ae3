import assert from "node:assert/strict";
import { makeSpec, type Seccomp, withCapabilities, withSeccomp } from "../../../mod.ts";
import {
  busyboxImage,
  push,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { type ContainerInfo, recordOf } from "./record.ts";

/** Capabilities that open system calls. */
const gates = [
  "DAC_READ_SEARCH",
  "SYS_ADMIN",
  "SYS_BOOT",
  "SYS_MODULE",
  "SYS_PACCT",
  "SYS_PTRACE",
  "SYS_RAWIO",
]
  .concat("SYS_TIME", "SYS_TTY_CONFIG", "SYS_NICE", "SYSLOG", "BPF", "PERFMON").map((name) => `CAP_${name}`);

/** Calls that the profiles answer differently on purpose, and why. */
const extra: Record<string, string> = {
  "calls of kernels after 5.16, which 1.6.20 did not know; containerd 2 allows them": "cachestat fchmodat2 " +
    "futex_requeue futex_wait futex_wake getxattrat listmount listxattrat lsm_get_self_attr lsm_list_modules " +
    "lsm_set_self_attr map_shadow_stack mseal removexattrat setxattrat statmount uretprobe set_mempolicy_home_node",
  "what ptrace, which is allowed, can do as well": "process_vm_readv process_vm_writev",
  "a handle opens nothing without open_by_handle_at: containerd 2 allows it": "name_to_handle_at",
};
const fewer: Record<string, string> = {
  "requests in rings pass by the filter: containerd 2 took them away":
    "io_uring_enter io_uring_register io_uring_setup",
  "families that reach past namespaces (the hypervisor's, the kernel's cryptography), as in containerd 2":
    "socket",
};

/** What a profile allows whatever the arguments. */
function allowed(profile: Seccomp): Set<string> {
  const rules = profile.syscalls!.filter(({ action, args }) => action === "SCMP_ACT_ALLOW" && !args?.length);
  return new Set(rules.flatMap(({ names }) => names));
}

/** Its other rules, each as a line. */
const conditions = (profile: Seccomp) =>
  profile.syscalls!.filter(({ action, args }) => action !== "SCMP_ACT_ALLOW" || args?.length)
    .flatMap(({ names, action, errnoRet, args = [] }) =>
      names.map((name) =>
        `${name} ${action} ${errnoRet ?? ""} ${
          args.map(({ index, op, value, valueTwo }) => `${index} ${op} ${value} ${valueTwo ?? 0}`).join(
            " and ",
          )
        }`
      )
    ).sort();

const words = (table: Record<string, string>) => Object.values(table).join(" ").split(" ").sort();

Deno.test("seccomp: the default profile, by capability, is containerd's, and works", async (t) => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  await using containerd = await startContainerd("shm");
  await using longshore = await startLongshore({ where: "shm" });
  // Cgroups are named by it, and shared by all daemons.
  const namespace = `seccomp-${crypto.randomUUID().slice(0, 8)}`;
  const theirs = (args: string[]) => containerd.ctr(["-n", namespace, ...args]);
  const ours = (args: string[]) => longshore.ctr(["-n", namespace, ...args]);
  const image = await push(await busyboxImage(scratch, ["--config.env", "PATH=/bin"]), registry, "busybox:1");
  for (const ctr of [theirs, ours]) {
    assert.equal((await ctr(["images", "pull", "--plain-http", image])).code, 0);
  }
  const theirProfile = async (id: string, flags: string[]) => {
    const create = ["containers", "create", "--seccomp", ...flags, image, id];
    const record = await recordOf(theirs, create, id);
    return (record as ContainerInfo).Spec.linux.seccomp!;
  };
  const ourProfile = async (change: { add?: string[]; drop?: string[] }) => {
    const options = [withCapabilities(change), withSeccomp()];
    return (await makeSpec({ namespace: "any", id: "any" }, options)).linux.seccomp!;
  };
  const added = new Set<string>();
  const missing = new Set<string>();
  const changes: Record<string, { add?: string[]; drop?: string[] }> = {
    none: {},
    ...Object.fromEntries(gates.map((gate) => [gate, { add: [gate] }])),
    "no-chroot": { drop: ["CAP_SYS_CHROOT"] },
  };
  for (const [id, change] of Object.entries(changes)) {
    await t.step(`the calls allowed with ${id}`, async () => {
      const { add = [], drop = [] } = change;
      const flags = [
        ...add.flatMap((one) => ["--cap-add", one]),
        ...drop.flatMap((one) => ["--cap-drop", one]),
      ];
      const [theirs, ours] = [await theirProfile(id, flags), await ourProfile(change)];
      assert.equal(ours.defaultAction, theirs.defaultAction);
      assert.deepEqual(ours.architectures, theirs.architectures);
      const more = allowed(ours).difference(allowed(theirs));
      const less = allowed(theirs).difference(allowed(ours));
      assert.deepEqual([...more].filter((name) => !words(extra).includes(name)), [], "allowed by ours alone");
      assert.deepEqual(
        [...less].filter((name) => !words(fewer).includes(name)),
        [],
        "allowed by theirs alone",
      );
      for (const name of more) added.add(name);
      for (const name of less) missing.add(name);
      const withoutSockets = conditions(ours).filter((line) => !line.startsWith("socket "));
      assert.deepEqual(withoutSockets, conditions(theirs));
    });
  }
  await t.step("every difference is one", () => {
    assert.deepEqual([[...added].sort(), [...missing].sort()], [words(extra), words(fewer)]);
  });

  let n = 0;
  const script = async (flags: string[], text: string) => {
    const { code, stdout, stderr } = await ours(
      ["run", "--rm", ...flags, image, `effect-${n++}`, "sh", "-c", `${text} 2>&1 && echo done`],
    );
    assert.match(stderr, /^$/);
    return `${code} ${stdout.trim()}`;
  };
  const mount = "mount -t tmpfs none /tmp";
  const denied = /^1 .*(Operation not permitted|permission denied \(are you root\?\))$/;
  const effects: [what: string, flags: string[], text: string, ends: RegExp][] = [
    ["an ordinary program runs", ["--seccomp"], "ls /bin/busybox", /^0 .*done$/s],
    ["no namespace is made, not even a user's", ["--seccomp"], "unshare -U true", denied],
    ["which anybody may without the filter", [], "unshare -U true", /^0 done$/],
    ["nor with a capability's calls closed", ["--seccomp", "--cap-add", "CAP_SYS_CHROOT"], mount, denied],
    ["a capability opens its calls", ["--seccomp", "--cap-add", "CAP_SYS_ADMIN"], mount, /^0 done$/],
    ["a privileged container has them all", ["--privileged", "--seccomp"], "unshare -m true", /^0 done$/],
  ];
  for (const [what, flags, text, ends] of effects) {
    await t.step(what, async () => assert.match(await script(flags, text), ends));
  }

  const file = scratch.join("profile.json");
  await t.step("a profile from a file is in force, --seccomp said or not", async () => {
    const deny = { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 };
    await Deno.writeTextFile(file, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [deny] }));
    for (const flags of [["--seccomp", "--seccomp-profile", file], ["--seccomp-profile", file]]) {
      assert.match(await script(flags, "mkdir /tmp/x"), /^1 .*No space left on device$/);
    }
  });
  await t.step("so is one of Docker's, with the rules that the capabilities open", async () => {
    const deny = {
      names: ["mkdir", "mkdirat"],
      action: "SCMP_ACT_ERRNO",
      excludes: { caps: ["CAP_SYS_ADMIN"] },
    };
    const archMap = [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }]
      .concat({ architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] });
    await Deno.writeTextFile(
      file,
      JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", archMap, syscalls: [deny] }),
    );
    const flags = ["--seccomp-profile", file];
    assert.match(await script(flags, "mkdir /tmp/x"), denied);
    assert.match(await script([...flags, "--cap-add", "SYS_ADMIN"], "mkdir /tmp/x"), /^0 done$/);
  });
});
