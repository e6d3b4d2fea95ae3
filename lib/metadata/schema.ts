/** Every table of the metadata file: its record and the shape of its keys. */
import { Container } from "../api/services/containers/v1/containers.ts";
import { Info as ContentInfo } from "../api/services/content/v1/content.ts";
import { Image } from "../api/services/images/v1/images.ts";
import { Lease, Resource } from "../api/services/leases/v1/leases.ts";
import { Namespace } from "../api/services/namespaces/v1/namespace.ts";
import type { Kind } from "../snapshots/mod.ts";
import { Sandbox } from "../api/types/sandbox.ts";
import type { Mount } from "../api/types/mount.ts";
import { json, table } from "./database.ts";

/** A write under way. Its bytes are in `content/ingest/<key>`. */
export interface IngestRecord {
  ref: string;
  /** Name of its directory. */
  key: string;
  /** Digest that the caller announced, or empty. */
  expected: string;
  /** Size that the caller announced, or 0. */
  total: number;
  /** Milliseconds since the epoch. */
  startedAt: number;
  /** Leases that hold it. */
  lease?: string;
}

/** A snapshot's name and place. Times are milliseconds since the epoch, with fractions. */
export interface SnapshotRecord {
  /** Its snapshotter's name for it, given once and never again. */
  id: string;
  /** The key of its parent in the same namespace and snapshotter; empty for none. */
  parent: string;
  kind: Kind;
  labels: Record<string, string>;
  createdAt: number;
  updatedAt: number;
  /** Set when committed. */
  size?: number;
  inodes?: number;
}

/** An active mount of an activation; times are milliseconds since the epoch, with fractions. */
export interface ActiveMountRecord {
  mount: Mount;
  mountedAt: number;
  mountPoint: string;
  data: Record<string, string>;
}

/** An activation of mounts. */
export interface MountRecord {
  /** Name of its directory, given once and never again. */
  id: string;
  /** The boot of the machine that it was made in: no mount outlives that. */
  boot: string;
  active: ActiveMountRecord[];
  system: Mount[];
  labels: Record<string, string>;
  /** The lease that holds it. */
  lease?: string;
}

/** [namespace] */
export const namespaces = table<Namespace>("namespaces", Namespace);
/** [namespace, name] */
export const images = table<Image>("images", Image);
/** [namespace, id] */
export const containers = table<Container>("containers", Container);
/** [namespace, id] */
export const sandboxes = table<Sandbox>("sandboxes", Sandbox);
/** [namespace, id] */
export const leases = table<Lease>("leases", Lease);
/** [namespace, lease id, resource type, resource id] */
export const leaseResources = table<Resource>("lease-resources", Resource);
/** [namespace, digest] */
export const content = table<ContentInfo>("content", ContentInfo);
/** [namespace, ref] */
export const ingests = table<IngestRecord>("ingests", json<IngestRecord>());
/** [namespace, snapshotter, key] */
export const snapshots = table<SnapshotRecord>("snapshots", json<SnapshotRecord>());
/** [namespace, name] */
export const mounts = table<MountRecord>("mounts", json<MountRecord>());
/** [name]: the number given last. */
export const sequences = table<number>("sequences", json<number>());
