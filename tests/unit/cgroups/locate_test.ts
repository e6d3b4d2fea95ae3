import assert from "node:assert/strict";
import { cgroupIn, CgroupMounts, locateCgroup } from "../../../lib/cgroups/locate.ts";

const mount = (root: string, point: string, type: string, options: string) =>
  `30 20 0:26 ${root} ${point} rw,nosuid shared:9 - ${type} ${type} rw,${options}\n`;

const separate = mount("/", "/sys/fs/cgroup/memory", "cgroup", "memory") +
  mount("/", "/sys/fs/cgroup/cpu,cpuacct", "cgroup", "cpu,cpuacct") +
  mount("/", "/sys/fs/cgroup/systemd", "cgroup", "xattr,name=systemd") +
  mount("/", "/sys/fs/cgroup/unified", "cgroup2", "nsdelegate");
const unified = mount("/", "/sys/fs/cgroup", "cgroup2", "nsdelegate");

Deno.test("cgroupIn() finds each controller's directory on a host of version 1, hybrid or not", () => {
  const text = "5:memory:/default/web\n4:cpu,cpuacct:/default/web\n3:pids:/default/web\n" +
    "1:name=systemd:/default/web\n0::/default/other\n";
  const found = cgroupIn(text, new CgroupMounts(separate));
  assert.equal(found?.version, 1);
  assert.deepEqual(found?.version === 1 && [...found.dirs], [
    ["memory", "/sys/fs/cgroup/memory/default/web"],
    ["cpu", "/sys/fs/cgroup/cpu,cpuacct/default/web"],
    ["cpuacct", "/sys/fs/cgroup/cpu,cpuacct/default/web"],
  ]);
});

Deno.test("cgroupIn() finds the one directory on a host of version 2", () => {
  const mounts = new CgroupMounts(unified);
  const web = cgroupIn("0::/system.slice/web:1.scope\n", mounts);
  assert.deepEqual(web, { version: 2, dir: "/sys/fs/cgroup/system.slice/web:1.scope" });
  assert.deepEqual(cgroupIn("0::/\n", mounts), { version: 2, dir: "/sys/fs/cgroup" });
});

Deno.test("cgroupIn() follows hierarchies of which only a part is mounted", () => {
  const mounts = new CgroupMounts(mount("/pod/a", "/sys/fs/cgroup", "cgroup2", "nsdelegate"));
  assert.deepEqual(cgroupIn("0::/pod/a/web\n", mounts), { version: 2, dir: "/sys/fs/cgroup/web" });
  assert.deepEqual(cgroupIn("0::/pod/a\n", mounts), { version: 2, dir: "/sys/fs/cgroup" });
  assert.equal(cgroupIn("0::/pod/ab\n", mounts), undefined, "not below what is mounted");
});

Deno.test("cgroupIn() finds nothing in what is no list of cgroups", () => {
  const mounts = new CgroupMounts("garbage\n" + unified);
  for (const text of ["", "memory", "x::/a", "0::relative"]) assert.equal(cgroupIn(text, mounts), undefined);
  assert.equal(cgroupIn("1:name=systemd:/a\n", new CgroupMounts(separate)), undefined);
});

Deno.test("locateCgroup() finds this process's cgroup, and none of a process that is gone", () => {
  const own = locateCgroup(Deno.pid);
  const dirs = own?.version === 1 ? [...own.dirs.values()] : [own!.dir];
  for (const dir of dirs) assert.ok(Deno.statSync(`${dir}/cgroup.procs`).isFile, dir);
  assert.equal(locateCgroup(2 ** 22 + 1), undefined);
});
