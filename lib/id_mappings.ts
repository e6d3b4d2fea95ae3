/**
 * Which ids of the host stand for those in a user namespace (user_namespaces(7)); the shape is the runtime spec's
 * LinuxIDMapping, the text that of `ctr --uidmap` and of the labels and mount options of snapshots.
 */
import { invalidArgument } from "./errors.ts";

/** A range of `size` ids: the one that is `containerID` inside is `hostID` outside, and so on. */
export interface IdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

/** Of users and of groups; neither list is empty. */
export interface IdMappings {
  readonly uids: readonly IdMapping[];
  readonly gids: readonly IdMapping[];
}

/** Labels by which a snapshot is asked for with its files' owners mapped. */
export const mappingLabels = {
  uids: "containerd.io/snapshot/uidmapping",
  gids: "containerd.io/snapshot/gidmapping",
} as const;

/** Labels of ours on a snapshot whose files, with all below, were given to a user namespace by copying them. */
export const ownerLabels = {
  uids: "longshore.dev/snapshot-uidmapping",
  gids: "longshore.dev/snapshot-gidmapping",
} as const;

/** One more than the largest id: the kernel keeps 2^32-1 for "none". */
const END = 2 ** 32 - 1;
/** What a label's value has room for, beside its name. */
const MOST_TEXT = 4000;
/** What the kernel takes of one map. */
const MOST = 340;

/**
 * Ranges written `container-id:host-id:length`, several with commas. `what` names them in errors.
 * Throws InvalidArgument for anything else, ids that don't exist, and ranges that overlap on either side.
 */
export function parseIdMappings(text: string, what: string): IdMapping[] {
  const wrong = (why: string) => invalidArgument(`${what} ${JSON.stringify(text)}: ${why}`);
  const ranges = text.split(",").map((range) => {
    const fields = /^(\d+):(\d+):(\d+)$/.exec(range);
    if (!fields) throw wrong("write container-id:host-id:length");
    const [containerID, hostID, size] = fields.slice(1).map(Number) as [number, number, number];
    if (size === 0) throw wrong("a range of no ids");
    if (Math.max(containerID, hostID) + size > END) throw wrong(`ids go up to ${END - 1}`);
    return { containerID, hostID, size };
  });
  if (ranges.length > MOST) throw wrong(`more than ${MOST} ranges`);
  if (overlap(ranges, "containerID")) throw wrong("ranges overlap in the container");
  if (overlap(ranges, "hostID")) throw wrong("ranges overlap on the host");
  return ranges;
}

/** Both maps; one without the other is InvalidArgument, none at all undefined. */
export function parseBothMappings(
  uids: string | undefined,
  gids: string | undefined,
  names: { readonly uids: string; readonly gids: string },
): IdMappings | undefined {
  if (!uids && !gids) return undefined;
  if (!uids || !gids) throw invalidArgument(`${names.uids} and ${names.gids} need each other`);
  return { uids: parseIdMappings(uids, names.uids), gids: parseIdMappings(gids, names.gids) };
}

/** What the labels of a snapshot ask for. Throws InvalidArgument for what can't be mapped. */
export function mappingsOf(
  labels: Readonly<Record<string, string>>,
  names: { readonly uids: string; readonly gids: string } = mappingLabels,
): IdMappings | undefined {
  return parseBothMappings(labels[names.uids], labels[names.gids], names);
}

/** Labels that say it; none if the mappings are more than a label holds. */
export function labelsFor({ uids, gids }: IdMappings, names: { uids: string; gids: string }) {
  const labels = { [names.uids]: idMappingsText(uids), [names.gids]: idMappingsText(gids) };
  return Object.values(labels).every((text) => text.length < MOST_TEXT) ? labels : {};
}

/** The reverse of {@linkcode parseIdMappings}. */
export const idMappingsText = (mappings: readonly IdMapping[]): string =>
  mappings.map(({ containerID, hostID, size }) => `${containerID}:${hostID}:${size}`).join(",");

/** The host's id of one inside; undefined for one that has none. */
export function toHost(mappings: readonly IdMapping[], id: number): number | undefined {
  const range = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return range && range.hostID + id - range.containerID;
}

/** The reverse of {@linkcode toHost}. */
export function fromHost(mappings: readonly IdMapping[], id: number): number | undefined {
  const range = mappings.find(({ hostID, size }) => id >= hostID && id < hostID + size);
  return range && range.containerID + id - range.hostID;
}

function overlap(ranges: readonly IdMapping[], side: "containerID" | "hostID"): boolean {
  const sorted = [...ranges].sort((a, b) => a[side] - b[side]);
  return sorted.some((range, n) => n > 0 && sorted[n - 1]![side] + sorted[n - 1]!.size > range[side]);
}
