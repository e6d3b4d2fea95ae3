import assert from "node:assert/strict";
import { Metrics as MetricsV2 } from "../../../lib/api/cgroups/v2/metrics.ts";
import { readV2 } from "../../../lib/cgroups/v2.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { parseAddress } from "../../../lib/daemon/metrics.ts";
import { containerFamilies } from "../../../lib/daemon/metrics_containers.ts";
import { render } from "../../../lib/daemon/metrics_text.ts";
import { anyOf } from "../../../lib/rpc/any.ts";
import { now } from "../../../lib/rpc/timestamp.ts";

Deno.test("render() sorts families and labels, escapes, keeps large numbers whole, leaves out what is empty", async () => {
  const text = await render([
    {
      name: "b",
      help: "two\nlines \\",
      type: "gauge",
      samples: [{ value: 2n ** 64n - 1n }, { value: Infinity }],
    },
    { name: "none", help: "", type: "gauge", samples: [] },
    {
      name: "a_seconds",
      help: "a",
      type: "histogram",
      samples: [{ value: 0.5, suffix: "_sum", labels: { z: 'q"u\\o\nte', a: "1" } }],
    },
  ]);
  assert.equal(
    text,
    `# HELP a_seconds a
# TYPE a_seconds histogram
a_seconds_sum{a="1",z="q\\"u\\\\o\\nte"} 0.5
# HELP b two\\nlines \\\\
# TYPE b gauge
b 18446744073709551615
b +Inf
`,
  );
});

Deno.test("render() makes one of families of one name, and lets others work in between", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const family = (value: number) => ({ name: "a", help: "", type: "gauge", samples: [{ value }] }) as const;
  try {
    const text = await render(function* () {
      for (let n = 0; n < 3; n++) {
        const end = performance.now() + 6;
        while (performance.now() < end);
        yield family(n);
      }
    }());
    assert.equal(text, "# HELP a \n# TYPE a gauge\na 0\na 1\na 2\n");
    assert.ok(turns > 0);
  } finally {
    clearInterval(timer);
  }
});

Deno.test("parseAddress() takes Go's forms and names what is none", () => {
  assert.deepEqual(parseAddress("127.0.0.1:1338"), { hostname: "127.0.0.1", port: 1338 });
  assert.deepEqual(parseAddress(":1338"), { hostname: "0.0.0.0", port: 1338 });
  assert.deepEqual(parseAddress("[::1]:0"), { hostname: "::1", port: 0 });
  for (const bad of ["1338", "localhost", "::1:1338", "127.0.0.1:65536", "a:b", ""]) {
    assert.throws(
      () => parseAddress(bad),
      (error) => isError(error, Code.InvalidArgument) && error.message.includes(JSON.stringify(bad)),
    );
  }
});

/** Names that containerd 1.7 and 2.x have for cgroup v2, without `container_`. */
const containerdV2 = `cpu_kernel_usage_microseconds cpu_nr_periods_total cpu_nr_throttled_total
  cpu_throttled_usec_microseconds cpu_usage_microseconds cpu_user_usage_microseconds io_rbytes_bytes io_rios_total
  io_wbytes_bytes io_wios_total memory_active_anon_bytes memory_active_file_bytes memory_anon_bytes
  memory_anon_thp_bytes memory_file_bytes memory_file_dirty_bytes memory_file_mapped_bytes
  memory_file_writeback_bytes memory_inactive_anon_bytes memory_inactive_file_bytes memory_kernel_stack_bytes
  memory_oom_total memory_pgactivate_bytes memory_pgdeactivate_bytes memory_pgfault_bytes memory_pglazyfree_bytes
  memory_pglazyfreed_bytes memory_pgmajfault_bytes memory_pgrefill_bytes memory_pgscan_bytes memory_pgsteal_bytes
  memory_shmem_bytes memory_slab_bytes memory_slab_reclaimable_bytes memory_slab_unreclaimable_bytes
  memory_sock_bytes memory_swap_limit_bytes memory_swap_usage_bytes memory_thp_collapse_alloc_bytes
  memory_thp_fault_alloc_bytes memory_unevictable_bytes memory_usage_bytes memory_usage_limit_bytes
  memory_workingset_activate_bytes memory_workingset_nodereclaim_bytes memory_workingset_refault_bytes
  pids_current pids_limit`.split(/\s+/);

Deno.test("containerFamilies() has containerd's names for cgroup v2, and skips metrics of other kinds", async () => {
  const recorded = readV2(new URL("../cgroups/recorded/v2", import.meta.url).pathname);
  const task = { namespace: "default", id: "web", runtime: "io.containerd.runc.v2", timestamp: now() };
  const families = [...containerFamilies([
    { ...task, data: anyOf("io.containerd.cgroups.v2.Metrics", MetricsV2, recorded) },
    { ...task, data: { typeUrl: "io.containerd.runhcs.v1.stats.Statistics", value: new Uint8Array(3) } },
  ])].filter(({ samples }) => samples.length);
  assert.deepEqual(families.map(({ name }) => name.replace(/^container_/, "")).sort(), containerdV2);
  const text = await render(families);
  const labels = 'container_id="web",namespace="default",runtime="io.containerd.runc.v2"';
  for (
    const line of [
      `container_memory_usage_bytes{${labels}} 171966464`,
      `container_cpu_throttled_usec_microseconds{${labels}} 4210033`,
      `container_memory_swap_limit_bytes{${labels}} 18446744073709551615`,
      `container_io_wios_total{container_id="web",major="259",minor="0",${labels.slice(19)}} 256`,
    ]
  ) assert.ok(text.includes(`${line}\n`), line);
});
