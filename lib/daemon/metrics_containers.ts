/** Metrics of containers, from what their shims tell. */
import { Metrics as MetricsV1 } from "../api/cgroups/v1/metrics.ts";
import { Metrics as MetricsV2 } from "../api/cgroups/v2/metrics.ts";
import { metricsV1, metricsV2 } from "../cgroups/mod.ts";
import { nameOf } from "../rpc/any.ts";
import type { TaskStats } from "../runtime/mod.ts";
import type { Family, Labels, Sample } from "./metrics_text.ts";
import { metricsOfV1 } from "./metrics_v1.ts";
import { metricsOfV2 } from "./metrics_v2.ts";

/** A metric, and how it is found in a container's message. Its name is told with `container_` before it. */
export interface ContainerMetric<M> {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  values(metrics: M): Value[];
}

/** A value, and the labels that it has beside those of its container. */
export interface Value {
  readonly value: bigint;
  readonly labels?: Labels;
}

/** What a task uses, and by which runtime it runs. */
export interface Contained extends TaskStats {
  readonly runtime: string;
}

/** The families of all containers, one by one; metrics of an unknown kind are left out. */
export function* containerFamilies(tasks: readonly Contained[]): Generator<Family> {
  yield* familiesOf(tasks, metricsV1, MetricsV1, metricsOfV1);
  yield* familiesOf(tasks, metricsV2, MetricsV2, metricsOfV2);
}

function* familiesOf<M>(
  tasks: readonly Contained[],
  type: string,
  codec: { decode(bytes: Uint8Array): M },
  metrics: readonly ContainerMetric<M>[],
): Generator<Family> {
  const found = tasks.filter(({ data }) => nameOf(data.typeUrl) === type).map((task) => ({
    labels: { container_id: task.id, namespace: task.namespace, runtime: task.runtime },
    message: codec.decode(task.data.value),
  }));
  if (!found.length) return;
  for (const { name, help, type, values } of metrics) {
    const samples = found.flatMap(({ labels, message }) =>
      values(message).map(({ value, labels: more }): Sample => ({
        value,
        labels: more ? { ...labels, ...more } : labels,
      }))
    );
    yield { name: `container_${name}`, help, type, samples };
  }
}
