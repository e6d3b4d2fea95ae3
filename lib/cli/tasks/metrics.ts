/** `ctr tasks metrics` */
import type { Metrics as MetricsV1 } from "../../api/cgroups/v1/metrics.ts";
import type { Metrics as MetricsV2 } from "../../api/cgroups/v2/metrics.ts";
import { TasksDefinition } from "../../api/services/tasks/v1/tasks.ts";
import { decodeMetric, type TaskMetrics } from "../../client/metrics.ts";
import { notFound } from "../../errors.ts";
import { required } from "../arguments.ts";
import { type Call, usageError } from "../command.ts";
import { connect } from "../connect.ts";
import { goTime } from "../output/ages.ts";
import { messageJson } from "../output/message_json.ts";
import { print } from "../output/print.ts";
import { printTable, wide } from "../output/table.ts";
import { loadTask } from "./load.ts";

export async function run(call: Call): Promise<void> {
  const [id] = required(call, "a container id");
  const format = call.flags.text("format");
  if (format !== "table" && format !== "json") throw usageError("format must be table or json");
  await using daemon = await connect(call);
  await loadTask(daemon, id);
  const { metrics: [metric] } = await daemon.stub(TasksDefinition).metrics({ filters: [`id==${id}`] });
  if (!metric) throw notFound(`metrics of task ${id}`);
  const found = decodeMetric(metric);
  if (format === "json") return print(messageJson(found.metrics) + "\n");
  // A blank line ends a table: what follows has columns of its own.
  printTable(
    ["ID\tTIMESTAMP\t", `${id}\t${goTime(metric.timestamp)}\t`, "", "METRIC\tVALUE\t", ...lines(found)],
    wide,
  );
}

function lines(found: TaskMetrics): string[] {
  const values = found.version === 1 ? valuesV1(found.metrics) : valuesV2(found.metrics);
  return values.map(([name, value]) => `${name}\t${value}\t`);
}

type Values = (readonly [string, bigint | string | undefined])[];

function valuesV1({ memory, cpu, pids }: MetricsV1): Values {
  return [
    ...memory
      ? [
        ["memory.usage_in_bytes", memory.usage?.usage],
        ["memory.limit_in_bytes", memory.usage?.limit],
        ["memory.stat.cache", memory.totalCache],
      ] as const
      : [],
    ...cpu
      ? [
        ["cpuacct.usage", cpu.usage?.total],
        ["cpuacct.usage_percpu", `[${(cpu.usage?.perCpu ?? []).join(" ")}]`],
      ] as const
      : [],
    ...pids ? [["pids.current", pids.current], ["pids.limit", pids.limit]] as const : [],
  ];
}

function valuesV2({ pids, cpu, memory }: MetricsV2): Values {
  return [
    ...pids ? [["pids.current", pids.current], ["pids.limit", pids.limit]] as const : [],
    ...cpu
      ? [
        ["cpu.usage_usec", cpu.usageUsec],
        ["cpu.user_usec", cpu.userUsec],
        ["cpu.system_usec", cpu.systemUsec],
        ["cpu.nr_periods", cpu.nrPeriods],
        ["cpu.nr_throttled", cpu.nrThrottled],
        ["cpu.throttled_usec", cpu.throttledUsec],
      ] as const
      : [],
    ...memory
      ? [
        ["memory.usage", memory.usage],
        ["memory.usage_limit", memory.usageLimit],
        ["memory.swap_usage", memory.swapUsage],
        ["memory.swap_limit", memory.swapLimit],
      ] as const
      : [],
  ];
}
