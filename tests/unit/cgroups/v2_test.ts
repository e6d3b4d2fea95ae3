import assert from "node:assert/strict";
import { Metrics } from "../../../lib/api/cgroups/v2/metrics.ts";
import { readMetrics } from "../../../lib/cgroups/mod.ts";
import { readV2 } from "../../../lib/cgroups/v2.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { Scratch } from "../../harness/mod.ts";

/** Files as Linux 6.12 shows them for a busy server with limits. */
const recorded = new URL("recorded/v2", import.meta.url).pathname;
const bare = new URL("recorded/v2-bare", import.meta.url).pathname;
const most = 2n ** 64n - 1n;

/** A host's directory of huge pages. */
async function hugePages(scratch: Scratch): Promise<string> {
  for (const name of ["hugepages-1048576kB", "hugepages-2048kB", "other"]) {
    await Deno.mkdir(scratch.join("huge", name), { recursive: true });
  }
  return scratch.join("huge");
}

Deno.test("readV2() reads CPU time, throttling and pressure", () => {
  assert.deepEqual(readV2(recorded).cpu, {
    usageUsec: 81234567n,
    userUsec: 60111222n,
    systemUsec: 21123345n,
    nrPeriods: 1543n,
    nrThrottled: 87n,
    throttledUsec: 4210033n,
    nrBursts: 3n,
    burstUsec: 1200n,
    psi: {
      some: { avg10: 1.53, avg60: 0.87, avg300: 0.2, total: 9876543n },
      full: { avg10: 0, avg60: 0.12, avg300: 0.05, total: 1234567n },
    },
  });
});

Deno.test("readV2() reads what memory is used for, its limits and its peaks", () => {
  assert.deepEqual(readV2(recorded).memory, {
    anon: 104857600n,
    file: 52428800n,
    kernelStack: 1572864n,
    slab: 4194304n,
    sock: 8192n,
    shmem: 4096n,
    fileMapped: 20971520n,
    fileDirty: 135168n,
    fileWriteback: 16384n,
    anonThp: 2097152n,
    inactiveAnon: 1048576n,
    activeAnon: 103809024n,
    inactiveFile: 31457280n,
    activeFile: 20971520n,
    unevictable: 65536n,
    slabReclaimable: 3145728n,
    slabUnreclaimable: 1048576n,
    pgfault: 345678n,
    pgmajfault: 91n,
    workingsetRefault: 0n,
    workingsetActivate: 0n,
    workingsetNodereclaim: 6n,
    pgrefill: 812n,
    pgscan: 7001n,
    pgsteal: 6900n,
    pgactivate: 4321n,
    pgdeactivate: 765n,
    pglazyfree: 12n,
    pglazyfreed: 10n,
    thpFaultAlloc: 17n,
    thpCollapseAlloc: 2n,
    usage: 171966464n,
    usageLimit: 268435456n,
    swapUsage: 4194304n,
    swapLimit: most,
    maxUsage: 201326592n,
    swapMaxUsage: 8388608n,
    psi: {
      some: { avg10: 0.22, avg60: 0, avg300: 0, total: 5511n },
      full: { avg10: 0.11, avg60: 0, avg300: 0, total: 4400n },
    },
    workingsetRefaultAnon: 11n,
    workingsetRefaultFile: 222n,
    workingsetActivateAnon: 3n,
    workingsetActivateFile: 44n,
  });
});

Deno.test("readV2() reads processes, transfers, huge pages, RDMA and memory events", async () => {
  await using scratch = await Scratch.make("shm");
  const { pids, io, hugetlb, rdma, memoryEvents, network } = readV2(recorded, await hugePages(scratch));
  assert.deepEqual(pids, { current: 12n, limit: 512n });
  // Devices without counts have none.
  assert.deepEqual(io?.usage, [
    { major: 259n, minor: 0n, rbytes: 41943040n, wbytes: 10485760n, rios: 1024n, wios: 256n },
    { major: 8n, minor: 16n, rbytes: 4096n, wbytes: 0n, rios: 1n, wios: 0n },
  ]);
  assert.equal(io?.psi?.some?.avg300, 0.01);
  assert.deepEqual(hugetlb, [
    { current: 4194304n, max: most, pagesize: "2MB", failcnt: 9n },
    { current: 0n, max: 1073741824n, pagesize: "1GB", failcnt: 0n },
  ]);
  assert.deepEqual(rdma, {
    current: [{ device: "mlx4_0", hcaHandles: 2, hcaObjects: 2000 }, {
      device: "ocrdma1",
      hcaHandles: 3,
      hcaObjects: 5,
    }],
    limit: [{ device: "mlx4_0", hcaHandles: 4, hcaObjects: 2 ** 32 - 1 }, {
      device: "ocrdma1",
      hcaHandles: 2 ** 32 - 1,
      hcaObjects: 2 ** 32 - 1,
    }],
  });
  assert.deepEqual(memoryEvents, { low: 0n, high: 15n, max: 240n, oom: 4n, oomKill: 3n, oomGroupKill: 1n });
  assert.deepEqual(network, []);
});

Deno.test("readV2() has zeros where a controller is off", () => {
  const metrics = readV2(bare, `${bare}/gone`);
  assert.equal(metrics.cpu?.usageUsec, 1500n);
  assert.equal(metrics.cpu?.psi, undefined);
  assert.deepEqual(metrics.pids, { current: 0n, limit: 0n });
  assert.equal(metrics.memory?.usage, 0n);
  assert.equal(metrics.memory?.usageLimit, 0n);
  assert.equal(metrics.memoryEvents, undefined);
  assert.deepEqual([metrics.io?.usage, metrics.hugetlb, metrics.rdma?.current], [[], [], []]);
});

Deno.test("readV2() takes nothing from lines that are none, and counts nothing below zero", async () => {
  await using scratch = await Scratch.make("shm");
  const dir = scratch.path;
  await Deno.writeTextFile(`${dir}/cpu.stat`, "usage_usec -5\nuser_usec 1 2\nsystem_usec x\n\nnr_periods 7");
  await Deno.writeTextFile(`${dir}/memory.current`, "-1\n");
  await Deno.writeTextFile(`${dir}/io.stat`, "x:y rbytes=1\n8:0 rbytes=z wbytes=2 =3\n");
  await Deno.writeTextFile(`${dir}/rdma.current`, "one\nmlx hca_handle= hca_object=99999999999\n");
  await Deno.writeTextFile(`${dir}/cpu.pressure`, "some avg10=x total=3\n");
  const { cpu, memory, io, rdma } = readV2(dir, `${bare}/gone`);
  assert.deepEqual([cpu?.usageUsec, cpu?.userUsec, cpu?.systemUsec, cpu?.nrPeriods], [0n, 0n, 0n, 7n]);
  assert.deepEqual(cpu?.psi, { some: { avg10: 0, avg60: 0, avg300: 0, total: 3n }, full: undefined });
  assert.equal(memory?.usage, 0n);
  assert.deepEqual(io?.usage, [{ major: 8n, minor: 0n, rbytes: 0n, wbytes: 2n, rios: 0n, wios: 0n }]);
  assert.equal(rdma?.current.length, 1);
});

Deno.test("readMetrics() sends version 2 under containerd's name, and knows a cgroup that is gone", async () => {
  const { typeUrl, value } = await readMetrics({ version: 2, dir: recorded });
  assert.equal(typeUrl, "io.containerd.cgroups.v2.Metrics");
  assert.deepEqual(Metrics.decode(value).memory?.swapLimit, most);
  await assert.rejects(
    readMetrics({ version: 2, dir: `${recorded}/gone` }),
    (error) => isError(error, Code.NotFound),
  );
});
