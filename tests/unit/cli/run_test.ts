import assert from "node:assert/strict";
import { parseSignal } from "../../../lib/cli/process/signals.ts";
import { defaultSpec, lookUpUser, mergeEnv, parseMount } from "../../../lib/oci/mod.ts";
import { parseExact } from "../../../lib/cli/process/json.ts";

Deno.test("signals are read by name and number", () => {
  assert.deepEqual(["KILL", "SIGTERM", "sigint", "9", "RTMIN+1", "RTMAX"].map(parseSignal), [
    9,
    15,
    2,
    9,
    35,
    64,
  ]);
  for (const bad of ["FOO", "0", "65", "RTMIN+40", ""]) {
    assert.throws(() => parseSignal(bad), /invalid signal/);
  }
});

Deno.test("mounts take every spelling of source and destination, and = in values", () => {
  const expected = { type: "bind", source: "/a=b", destination: "/c", options: ["rbind", "ro"] };
  for (const key of ["dst", "dest", "destination", "target"]) {
    assert.deepEqual(parseMount(`type=bind,src=/a=b,${key}=/c,options=rbind:ro`), expected);
  }
  assert.throws(() => parseMount("type=bind,src=/a"), /absolute path/);
  assert.throws(() => parseMount("type=bind,from=/a,dst=/b"), /no key "from"/);
  assert.throws(() => parseMount("type=bind,dst=/b"), /a bind mount needs src/);
  assert.throws(() => parseMount('src=/a,"dst=/b'), /a quote has no other/);
});

Deno.test("mounts are bind mounts unless they say so; options may hold colons, and fields commas", () => {
  assert.deepEqual(parseMount("src=/a,dst=/b"), {
    type: "bind",
    source: "/a",
    destination: "/b",
    options: ["rbind"],
  });
  assert.deepEqual(parseMount("type=tmpfs,dst=/b"), { type: "tmpfs", destination: "/b" });
  const overlay = 'type=overlay,src=overlay,dst=/b,"options=ro:lowerdir=/x\\:/y,z:index=off"';
  assert.deepEqual(parseMount(overlay).options, ["ro", "lowerdir=/x:/y,z", "index=off"]);
});

Deno.test("later variables win, and a bare name takes one away", () => {
  assert.deepEqual(mergeEnv(["A=1", "B=2"], ["A=3", "B"], ["C="]), ["A=3", "C="]);
});

Deno.test("CVE-2021-21334, CVE-2022-24769, GHSA-7ww5-4wqc-m92c: specs share nothing; inheritable and ambient capabilities are empty", () => {
  const [one, other] = [defaultSpec("ns", "a"), defaultSpec("ns", "b")];
  one.process.env.push("SECRET=1");
  one.mounts[0]!.options!.push("x");
  assert.ok(!other.process.env.includes("SECRET=1") && !other.mounts[0]!.options!.includes("x"));
  assert.deepEqual(Object.keys(one.process.capabilities), ["bounding", "effective", "permitted"]);
  assert.ok(one.linux.maskedPaths!.includes("/sys/devices/virtual/powercap"));
});

Deno.test("large numbers of a spec survive", () => {
  assert.equal(
    JSON.stringify(parseExact('{"hard":18446744073709551615,"n":1}')),
    '{"hard":18446744073709551615,"n":1}',
  );
});

async function withRoot(files: Record<string, string>, test: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${root}/etc`);
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${root}/etc/${name}`, text);
    await test(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const files = {
  passwd: "root:x:0:0::/:\nweb:x:33:34::/:\n4294967296:x:0:0::/:\n",
  group: "root:x:0:\nwww:x:34:\nlogs:x:50:web,root\n",
};

Deno.test("CVE-2023-25173: users are looked up with their groups, by the container's files alone", () =>
  withRoot(files, async (root) => {
    assert.deepEqual(await lookUpUser(root, "web"), { uid: 33, gid: 34, additionalGids: [34, 50] });
    assert.deepEqual(await lookUpUser(root, "33"), { uid: 33, gid: 34, additionalGids: [34, 50] });
    assert.deepEqual(await lookUpUser(root, "1000"), { uid: 1000, gid: 0, additionalGids: [0] });
    assert.deepEqual(await lookUpUser(root, "1000:logs"), { uid: 1000, gid: 50, additionalGids: [50] });
  }));

Deno.test("CVE-2024-40635, CVE-2026-46680: a user that can't be is refused, never root", () =>
  withRoot(files, async (root) => {
    for (const user of ["4294967296", "2147483648", "-1", "1e3", "0x0", "nobody", "web:nogroup"]) {
      await assert.rejects(lookUpUser(root, user), /invalid argument/, user);
    }
  }));

Deno.test("CVE-2026-47262: an /etc/passwd that is a device, a FIFO or a link out of the root is not read", () =>
  withRoot({ group: "" }, async (root) => {
    await Deno.symlink("/dev/zero", `${root}/etc/passwd`);
    await assert.rejects(lookUpUser(root, "web"), /no user "web"/);
    await Deno.remove(`${root}/etc/passwd`);
    await new Deno.Command("mkfifo", { args: [`${root}/etc/passwd`] }).output();
    await assert.rejects(lookUpUser(root, "web"), /not a file of a sane size/);
    await Deno.remove(`${root}/etc/passwd`);
    await Deno.writeTextFile(`${root}/etc/passwd`, "");
    await Deno.truncate(`${root}/etc/passwd`, 2 ** 32);
    await assert.rejects(lookUpUser(root, "web"), /not a file of a sane size/);
  }));
