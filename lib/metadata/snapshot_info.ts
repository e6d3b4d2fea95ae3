/** Records of snapshots as messages, and their fields for filters. */
import { type Info, Kind } from "../api/services/snapshots/v1/snapshots.ts";
import { fromMillis, nowMillis } from "../rpc/timestamp.ts";
import { labelsField } from "./fields.ts";
import { keptLabels, type Labels } from "./labels.ts";
import type { SnapshotRecord } from "./schema.ts";

const kinds = { view: Kind.VIEW, active: Kind.ACTIVE, committed: Kind.COMMITTED };
const kindNames: Record<number, string> = {
  [Kind.VIEW]: "view",
  [Kind.ACTIVE]: "active",
  [Kind.COMMITTED]: "committed",
};

/** The record of a snapshot that is made now. */
export function newRecord(
  id: string,
  parent: string,
  kind: SnapshotRecord["kind"],
  labels: Labels,
): SnapshotRecord {
  const time = nowMillis();
  return { id, parent, kind, labels: keptLabels(labels), createdAt: time, updatedAt: time };
}

/** The message of a record. */
export function infoOf(name: string, record: SnapshotRecord): Info {
  return {
    name,
    parent: record.parent,
    kind: kinds[record.kind],
    createdAt: fromMillis(record.createdAt),
    updatedAt: fromMillis(record.updatedAt),
    labels: record.labels,
  };
}

/** What filters see: name, parent, kind and labels.KEY. */
export function fieldOf(info: Info): (path: string[]) => string | undefined {
  return ([field, ...rest]) => {
    if (field === "name") return info.name;
    if (field === "parent") return info.parent;
    if (field === "kind") return kindNames[info.kind];
    return labelsField(field, rest, info.labels);
  };
}
