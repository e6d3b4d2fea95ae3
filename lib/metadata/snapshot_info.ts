/** Records of snapshots as messages, and their fields for filters. */
import { type Info, Kind } from "../api/services/snapshots/v1/snapshots.ts";
import { fromMillis } from "../rpc/timestamp.ts";
import { labelsField } from "./fields.ts";
import type { SnapshotRecord } from "./schema.ts";

const kinds = { view: Kind.VIEW, active: Kind.ACTIVE, committed: Kind.COMMITTED };
const kindNames: Record<number, string> = {
  [Kind.VIEW]: "view",
  [Kind.ACTIVE]: "active",
  [Kind.COMMITTED]: "committed",
};

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
