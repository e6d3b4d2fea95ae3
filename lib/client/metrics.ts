/** What tasks use: the daemon's metrics, and the few figures that people look at. */
import { Metrics as MetricsV1 } from "../api/cgroups/v1/metrics.ts";
import { Metrics as MetricsV2 } from "../api/cgroups/v2/metrics.ts";
import { TasksDefinition } from "../api/services/tasks/v1/tasks.ts";
import type { Metric } from "../api/types/metrics.ts";
import { Code, CtrError, notFound } from "../errors.ts";
import { nameOf } from "../rpc/any.ts";
import type { CallOptions } from "../rpc/service.ts";
import { toMillis } from "../rpc/timestamp.ts";
import type { Services } from "./services.ts";

/** Metrics of a task, by the version of its host's cgroups. */
export type TaskMetrics =
  & {
    readonly id: string;
    /** When the daemon asked for them. */
    readonly at: Date;
  }
  & ({ readonly version: 1; readonly metrics: MetricsV1 } | {
    readonly version: 2;
    readonly metrics: MetricsV2;
  });

/** What a task uses, whatever the version of cgroups. */
export interface Usage {
  /** Processor time since its start, in nanoseconds. */
  readonly cpu: bigint;
  /** Bytes of memory, without file contents that the kernel could drop at once. */
  readonly memory: bigint;
  /** Bytes that it may use; undefined without a limit. */
  readonly memoryLimit: bigint | undefined;
  /** Bytes read from and written to block devices. */
  readonly read: bigint;
  readonly written: bigint;
  /** Processes and threads. */
  readonly pids: bigint;
}

/** Metrics of the namespace's tasks; `filters` on `id` choose among them. Throws InvalidArgument for bad ones. */
export async function allMetrics(
  services: Services,
  filters: string[] = [],
  options?: CallOptions,
): Promise<TaskMetrics[]> {
  const { metrics } = await services.stub(TasksDefinition).metrics({ filters }, options);
  return metrics.map(decodeMetric);
}

/** Metrics of one task. Throws NotFound if it has none, as when it is gone. */
export async function metricsOf(
  services: Services,
  id: string,
  options?: CallOptions,
): Promise<TaskMetrics> {
  const [metrics] = await allMetrics(services, [`id==${id}`], options);
  if (!metrics) throw notFound(`metrics of task ${id}`);
  return metrics;
}

/** Reads one answer. Throws Unknown for metrics of another kind: a shim that isn't of Linux may have such. */
export function decodeMetric({ id, timestamp, data }: Metric): TaskMetrics {
  const at = new Date(timestamp ? toMillis(timestamp) : 0);
  const type = nameOf(data?.typeUrl ?? "");
  if (type === "io.containerd.cgroups.v1.Metrics") {
    return { id, at, version: 1, metrics: MetricsV1.decode(data!.value) };
  }
  if (type === "io.containerd.cgroups.v2.Metrics") {
    return { id, at, version: 2, metrics: MetricsV2.decode(data!.value) };
  }
  throw new CtrError(Code.Unknown, `metrics of task ${id} are ${type || "nothing"}, not cgroup metrics`);
}

/** The figures that people look at. */
export function usageOf(task: TaskMetrics): Usage {
  return task.version === 1 ? usageV1(task.metrics) : usageV2(task.metrics);
}

/** Without a limit the kernel tells the largest number of pages, in bytes. */
const hardlyALimit = 1n << 62n;

function usageV1({ cpu, memory, blkio, pids }: MetricsV1): Usage {
  const bytes = (op: string) =>
    (blkio?.ioServiceBytesRecursive ?? []).filter((entry) => entry.op.toLowerCase() === op)
      .reduce((sum, { value }) => sum + value, 0n);
  const limit = memory?.usage?.limit ?? 0n;
  return {
    cpu: cpu?.usage?.total ?? 0n,
    memory: less(memory?.usage?.usage, memory?.totalInactiveFile),
    memoryLimit: limit > 0n && limit < hardlyALimit ? limit : undefined,
    read: bytes("read"),
    written: bytes("write"),
    pids: pids?.current ?? 0n,
  };
}

function usageV2({ cpu, memory, io, pids }: MetricsV2): Usage {
  const limit = memory?.usageLimit ?? 0n;
  return {
    cpu: (cpu?.usageUsec ?? 0n) * 1000n,
    memory: less(memory?.usage, memory?.inactiveFile),
    memoryLimit: limit > 0n && limit < hardlyALimit ? limit : undefined,
    read: (io?.usage ?? []).reduce((sum, { rbytes }) => sum + rbytes, 0n),
    written: (io?.usage ?? []).reduce((sum, { wbytes }) => sum + wbytes, 0n),
    pids: pids?.current ?? 0n,
  };
}

const less = (all = 0n, part = 0n) => all > part ? all - part : 0n;
