import assert from "node:assert/strict";
import type { Any } from "../../../lib/api/google/protobuf/any.ts";
import type { Flags } from "../../../lib/cli/command.ts";
import { messageJson } from "../../../lib/cli/output/message_json.ts";
import { resourcesFrom } from "../../../lib/cli/tasks/update.ts";
import { parseDevices } from "../../../lib/cli/usage/network.ts";
import { cpuPercent, hostMemory, jsonRow, type Look, row } from "../../../lib/cli/usage/rows.ts";
import { decodeMetric, usageOf } from "../../../lib/client/metrics.ts";
import { readMetrics } from "../../../lib/cgroups/mod.ts";
import { now } from "../../../lib/rpc/timestamp.ts";

const look: Look = {
  name: "web",
  at: 1000,
  cpu: 5_000_000_000n,
  memory: 64n << 20n,
  memoryLimit: 256n << 20n,
  read: 4096n,
  written: 1_500_000n,
  pids: 3n,
  network: { received: 1_000n, sent: 0n },
};
const host = 1n << 30n;
const later = { ...look, at: 3000, cpu: 6_000_000_000n };

Deno.test("row() shows what a container uses, of its limit or of the host", () => {
  assert.equal(
    row(look, later, host),
    "web\t50.00%\t64.0 MiB / 256.0 MiB\t25.00%\t1kB / 0B\t4.096kB / 1.5MB\t3\t",
  );
  const bare = { ...later, memoryLimit: undefined, network: undefined };
  assert.equal(
    row(undefined, bare, host),
    "web\t--\t64.0 MiB / 1.0 GiB\t6.25%\t--\t4.096kB / 1.5MB\t3\t",
  );
  // A limit beyond the host's memory is none.
  assert.match(row(look, { ...later, memoryLimit: 1n << 40n }, host), /1\.0 GiB\t6\.25%/);
});

Deno.test("cpuPercent() knows nothing of a container that was started anew, nor without time between", () => {
  assert.equal(cpuPercent(look, later), 50);
  assert.equal(cpuPercent(look, { ...later, cpu: 1n }), undefined);
  assert.equal(cpuPercent(look, look), undefined);
  assert.equal(cpuPercent(undefined, look), undefined);
});

Deno.test("jsonRow() has plain numbers, and leaves out what isn't known", () => {
  assert.deepEqual(JSON.parse(jsonRow(undefined, { ...later, network: undefined }, host)), {
    name: "web",
    memory_bytes: 64 << 20,
    memory_limit_bytes: 256 << 20,
    memory_percent: 25,
    block_read_bytes: 4096,
    block_written_bytes: 1_500_000,
    pids: 3,
  });
  assert.equal(JSON.parse(jsonRow(look, later, host)).cpu_percent, 50);
});

Deno.test("usageOf() reads the same of both versions' metrics", async () => {
  const recorded = new URL("../cgroups/recorded/", import.meta.url).pathname;
  const metric = (data: Any) => usageOf(decodeMetric({ id: "a", timestamp: now(), data }));
  assert.deepEqual(metric(await readMetrics({ version: 2, dir: `${recorded}/v2` })), {
    cpu: 81_234_567_000n,
    memory: 171966464n - 31457280n,
    memoryLimit: 268435456n,
    read: 41943040n + 4096n,
    written: 10485760n,
    pids: 12n,
  });
  const names = ["memory", "cpuacct", "cpu", "pids", "blkio"];
  const dirs = new Map(names.map((name) => [name, `${recorded}/v1/${name}`]));
  assert.deepEqual(metric(await readMetrics({ version: 1, dirs })), {
    cpu: 1698765432n,
    memory: 101n - 21n,
    memoryLimit: 104n,
    read: 4096n + 512n,
    written: 8192n,
    pids: 3n,
  });
  assert.throws(() => metric({ typeUrl: "other.Metrics", value: new Uint8Array() }), /are other\.Metrics/);
});

Deno.test("parseDevices() sums interfaces without the loopback; hostMemory() reads all memory", () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0
  eth1:5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0
`;
  assert.deepEqual(parseDevices(text), { received: 1005n, sent: 2006n });
  assert.equal(hostMemory("MemFree: 1 kB\nMemTotal:       2048 kB\n"), 2097152n);
});

Deno.test("messageJson() writes a message as Go does: no zeros, whole numbers of 64 bits", () => {
  const message = {
    pgPgIn: 2n ** 64n - 1n,
    zero: 0n,
    none: undefined,
    empty: {},
    list: [],
    perCpu: [1n, 0n],
    a: "x",
  };
  assert.equal(
    messageJson(message),
    `{
  "pg_pg_in": 18446744073709551615,
  "empty": {},
  "per_cpu": [
    1,
    0
  ],
  "a": "x"
}`,
  );
  assert.equal(messageJson({ zero: 0 }), "{}");
});

/** Flags that were given. */
const given = (values: Record<string, string>): Flags => ({
  has: (name) => name in values,
  on: () => false,
  text: (name) => values[name] ?? "",
  list: () => [],
});

Deno.test("resourcesFrom() names what the flags name, and nothing else", () => {
  assert.deepEqual(resourcesFrom(given({})), {});
  assert.deepEqual(
    resourcesFrom(
      given({ "memory-limit": "1048576", cpus: "1.5", "pids-limit": "-1", "cpuset-cpus": "0-1" }),
    ),
    {
      memory: { limit: 1048576 },
      cpu: { quota: 150000, period: 100000, cpus: "0-1" },
      pids: { limit: -1 },
    },
  );
  assert.deepEqual(resourcesFrom(given({ cpus: "-1" })), { cpu: { quota: -1 } });
  const bad: Record<string, string>[] = [
    { "memory-limit": "1m" },
    { cpus: "0" },
    { cpus: "x" },
    { cpus: "1", "cpu-quota": "1" },
  ];
  for (const flags of bad) assert.throws(() => resourcesFrom(given(flags)), /^CtrError: --/);
});
