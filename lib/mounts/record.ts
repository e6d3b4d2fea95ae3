/** Activations as records and as messages. */
import type { ActivationInfo } from "../api/types/mount.ts";
import type { schema } from "../metadata/mod.ts";
import { fromMillis, toMillis } from "../rpc/timestamp.ts";

export type MountRecord = schema.MountRecord;

/** What a record has beside what clients are told. */
export type Kept = Pick<MountRecord, "id" | "boot" | "lease">;

/** The record of an activation. */
export function recordOf({ active, system, labels }: ActivationInfo, kept: Kept): MountRecord {
  return {
    ...kept,
    system,
    labels,
    active: active.map(({ mount, mountedAt, mountPoint, data }) => ({
      mount: mount!,
      mountedAt: toMillis(mountedAt!),
      mountPoint,
      data,
    })),
  };
}

/** The message of a record. */
export function infoOf(name: string, { active, system, labels }: MountRecord): ActivationInfo {
  const message = active.map(({ mountedAt, ...one }) => ({ ...one, mountedAt: fromMillis(mountedAt) }));
  return { name, active: message, system, labels };
}
