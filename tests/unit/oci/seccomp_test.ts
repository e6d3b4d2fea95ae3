import assert from "node:assert/strict";
import { readSeccomp } from "../../../lib/oci/seccomp_file.ts";
import { defaultSeccomp } from "../../../lib/oci/seccomp.ts";
import { architectures, behind, everyday } from "../../../lib/oci/seccomp_calls.ts";
import { Code, isError } from "../../../mod.ts";

async function withProfile<T>(profile: unknown, test: (path: string) => Promise<T>): Promise<T> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, typeof profile === "string" ? profile : JSON.stringify(profile));
    return await test(path);
  } finally {
    await Deno.remove(path);
  }
}

const allow = "SCMP_ACT_ALLOW";
const deny = "SCMP_ACT_ERRNO";

Deno.test("no system call is listed twice, nor both free and behind a capability", () => {
  const free = Object.values(everyday).join(" ").split(" ");
  assert.deepEqual(free.filter((name, at) => free.indexOf(name) !== at), []);
  const closed = Object.values(behind).join(" ").split(" ");
  assert.deepEqual(closed.filter((name) => free.includes(name)), []);
  assert.ok([...free, ...closed].every((name) => /^[a-z0-9_]+$/.test(name)));
});

Deno.test("what is kept from all containers is in no list", () => {
  const all = [everyday, behind].flatMap((table) => Object.values(table)).join(" ").split(" ");
  const kept = [
    "keyctl",
    "add_key",
    "request_key",
    "userfaultfd",
    "kexec_load",
    "kexec_file_load",
    "swapon",
    "swapoff",
  ]
    .concat(
      "io_uring_setup",
      "io_uring_enter",
      "nfsservctl",
      "pivot_root",
      "create_module",
      "socket",
      "clone",
    );
  const admin = ["clone"];
  assert.deepEqual(kept.filter((name) => all.includes(name)), admin);
});

Deno.test("each architecture has its filters, its calls, and clone's flags where they are", () => {
  for (const [machine, { filters, calls }] of Object.entries(architectures)) {
    const profile = defaultSeccomp([], machine);
    assert.equal(profile.architectures?.join(" ").replaceAll("SCMP_ARCH_", ""), filters);
    const [first] = profile.syscalls!;
    assert.deepEqual(calls.split(" ").filter((name) => !first!.names.includes(name)), [], machine);
    const clone = profile.syscalls!.find(({ names }) => names[0] === "clone")!;
    assert.equal(clone.args![0]!.index, machine === "s390x" ? 1 : 0);
  }
  assert.equal(defaultSeccomp([], "sparc64").architectures, undefined);
});

Deno.test("a profile is read as it is, its large numbers too", async () => {
  const text =
    `{"defaultAction":"${deny}","defaultErrnoRet":1,"syscalls":[{"names":["read"],"action":"${allow}",` +
    `"args":[{"index":1,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]}]}`;
  assert.equal(JSON.stringify(await withProfile(text, (path) => readSeccomp(path, []))), text);
});

Deno.test("a file that is no profile is refused, with the reason", async () => {
  const rule = { names: ["read"], action: allow };
  const profile = (change: Record<string, unknown>) => ({ defaultAction: deny, syscalls: [rule], ...change });
  const bad: [unknown, RegExp][] = [
    ["", /JSON/],
    ["[]", /not a JSON object/],
    ["{", /JSON/],
    [{}, /defaultAction is missing/],
    [profile({ defaultAction: "DENY" }), /defaultAction is "DENY": SCMP_ACT_KILL, /],
    [profile({ architectures: "x86" }), /architectures is not a list/],
    [profile({ syscalls: {} }), /syscalls is not a list/],
    [profile({ syscalls: [rule, null] }), /syscalls\[1\] is not an object/],
    [profile({ syscalls: [{ action: allow }] }), /syscalls\[0\]\.names is not a list/],
    [profile({ syscalls: [{ names: ["read"] }] }), /syscalls\[0\]\.action is missing/],
    [
      profile({ syscalls: [{ ...rule, args: [{ index: 6, value: 0, op: "SCMP_CMP_EQ" }] }] }),
      /args\[0\]\.index/,
    ],
    [profile({ syscalls: [{ ...rule, args: [{ index: 0, value: 0, op: "==" }] }] }), /args\[0\]\.op is "=="/],
  ];
  for (const [content, reason] of bad) {
    await withProfile(
      content,
      (path) =>
        assert.rejects(
          readSeccomp(path, []),
          (error) =>
            isError(error, Code.InvalidArgument) && reason.test(error.message) &&
            error.message.includes(path),
        ),
    );
  }
  await assert.rejects(readSeccomp("/dev/nosuch", []), /seccomp profile "\/dev\/nosuch": .*No such file/);
  await assert.rejects(readSeccomp("/dev/zero", []), /not a file of a sane size/);
});

Deno.test("of Docker's profiles the rules count that hold here", async () => {
  const rule = (name: string, more: Record<string, unknown>) => ({ names: [name], action: allow, ...more });
  const profile = {
    defaultAction: deny,
    archMap: [
      { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] },
      { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_X86"] },
    ],
    syscalls: [
      {
        name: "old",
        action: allow,
        comment: "one name, as Docker once wrote it",
        includes: {},
        excludes: {},
      },
      rule("with", { includes: { caps: ["CAP_SYS_ADMIN", "CAP_BPF"] } }),
      rule("without", { excludes: { caps: ["CAP_SYS_ADMIN"] } }),
      rule("foreign", { includes: { arches: ["s390x"] } }),
      rule("here", { includes: { arches: ["amd64", "arm64"] }, excludes: { arches: ["s390x"] } }),
      rule("recent", { includes: { minKernel: "4.8" } }),
      rule("future", { includes: { minKernel: "99.0" } }),
      rule("past", { excludes: { minKernel: "4.8" } }),
    ],
  };
  const namesFor = async (capabilities: string[]) => {
    const { syscalls, architectures } = await withProfile(profile, (path) => readSeccomp(path, capabilities));
    assert.equal(architectures?.[1], "SCMP_ARCH_X86");
    assert.ok(syscalls!.every((one) => !("includes" in one) && !("comment" in one) && !("name" in one)));
    return syscalls!.flatMap(({ names }) => names).join(" ");
  };
  assert.equal(await namesFor([]), "old without here recent");
  assert.equal(await namesFor(["CAP_SYS_ADMIN"]), "old here recent");
  assert.equal(await namesFor(["CAP_SYS_ADMIN", "CAP_BPF"]), "old with here recent");
});
