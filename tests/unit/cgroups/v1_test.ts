import assert from "node:assert/strict";
import { Metrics } from "../../../lib/api/cgroups/v1/metrics.ts";
import { readMetrics } from "../../../lib/cgroups/mod.ts";
import { readV1 } from "../../../lib/cgroups/v1.ts";
import { readBlkio } from "../../../lib/cgroups/v1_blkio.ts";

const recorded = new URL("recorded/v1", import.meta.url).pathname;
const dirsOf = (...names: string[]) => new Map(names.map((name) => [name, `${recorded}/${name}`]));
const cgroup = (...names: string[]) => ({ version: 1, dirs: dirsOf(...names) }) as const;

Deno.test("readV1() reads CPU time in nanoseconds, by CPU too, and throttling", () => {
  assert.deepEqual(readV1(cgroup("cpuacct", "cpu")).cpu, {
    usage: {
      total: 1698765432n,
      kernel: 450_000_000n,
      user: 1_230_000_000n,
      perCpu: [1000000000n, 698765432n, 0n, 0n],
    },
    throttling: { periods: 50n, throttledPeriods: 7n, throttledTime: 123456789n },
  });
  assert.equal(readV1(cgroup("cpu")).cpu?.usage, undefined);
});

Deno.test("readV1() reads memory, swap, the kernel's part and OOM control", () => {
  const { memory, memoryOomControl } = readV1(cgroup("memory"));
  const { usage, swap, kernel, kernelTcp, ...stat } = memory!;
  assert.deepEqual(usage, { usage: 101n, max: 102n, failcnt: 103n, limit: 104n });
  assert.deepEqual(swap, { usage: 105n, max: 106n, failcnt: 107n, limit: 9223372036854771712n });
  assert.deepEqual(kernel, { usage: 109n, max: 110n, failcnt: 111n, limit: 112n });
  // Not all kernels have these files.
  assert.deepEqual(kernelTcp, { usage: 0n, max: 0n, failcnt: 0n, limit: 0n });
  assert.deepEqual([stat.cache, stat.rssHuge, stat.pgMajFault, stat.hierarchicalSwapLimit], [
    8192n,
    2097152n,
    5n,
    9223372036854771712n,
  ]);
  const totals = Object.entries(stat).filter(([name]) => name.startsWith("total")).map(([, value]) => value);
  assert.deepEqual(totals, Array.from({ length: 15 }, (_, n) => BigInt(n + 9)));
  assert.deepEqual(memoryOomControl, { oomKillDisable: 0n, underOom: 1n, oomKill: 2n });
});

Deno.test("readV1() reads processes and RDMA, and leaves out what the host has not mounted", () => {
  const metrics = readV1(cgroup("pids", "rdma"));
  assert.deepEqual(metrics.pids, { current: 3n, limit: 0n });
  assert.deepEqual(metrics.rdma, {
    current: [{ device: "mlx4_0", hcaHandles: 2, hcaObjects: 2000 }],
    limit: [{ device: "mlx4_0", hcaHandles: 2 ** 32 - 1, hcaObjects: 3000 }],
  });
  assert.deepEqual([metrics.cpu, metrics.memory, metrics.blkio, metrics.hugetlb], [
    undefined,
    undefined,
    undefined,
    [],
  ]);
});

Deno.test("readBlkio() names devices, and takes CFQ's counts where there are some", () => {
  const partitions = `${recorded}/partitions`;
  const { ioServiceBytesRecursive: bytes, ...throttled } = readBlkio(`${recorded}/blkio`, partitions);
  assert.deepEqual(bytes.map(({ op, device, value }) => [op, device, value]), [
    ["Read", "/dev/sda", 4096n],
    ["Write", "/dev/sda", 8192n],
    ["Sync", "/dev/sda", 0n],
    ["Async", "/dev/sda", 12288n],
    ["Total", "/dev/sda", 12288n],
    ["Read", "/dev/nvme0n1p2", 512n],
    ["Total", "/dev/nvme0n1p2", 512n],
  ]);
  assert.equal(throttled.ioServicedRecursive.length, 3);
  assert.deepEqual(throttled.sectorsRecursive, []);
  const cfq = readBlkio(`${recorded}/blkio-cfq`, partitions);
  assert.deepEqual(cfq.sectorsRecursive, [{ op: "", device: "/dev/sda", major: 8n, minor: 0n, value: 77n }]);
  assert.deepEqual(Object.values(cfq).map((entries) => entries.length), [1, 1, 1, 1, 1, 1, 1, 1]);
});

Deno.test("readMetrics() sends version 1 under containerd's name", async () => {
  const { typeUrl, value } = await readMetrics(cgroup("memory", "pids"));
  assert.equal(typeUrl, "io.containerd.cgroups.v1.Metrics");
  assert.equal(Metrics.decode(value).memory?.usage?.limit, 104n);
});
