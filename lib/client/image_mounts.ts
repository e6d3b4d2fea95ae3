/** An image's files on a directory of this machine. */
import { LeasesDefinition } from "../api/services/leases/v1/leases.ts";
import { SnapshotsDefinition } from "../api/services/snapshots/v1/snapshots.ts";
import type { Mount } from "../api/types/mount.ts";
import { Code, isError, notFound } from "../errors.ts";
import { mountAll, unmountAll } from "../sys/mod.ts";
import type { CallOptions } from "../rpc/service.ts";
import type { Image } from "./image.ts";
import type { Services } from "./services.ts";
import { createLease } from "./lease.ts";

const hour = 60 * 60 * 1000;

export interface MountOptions extends CallOptions {
  readonly snapshotter?: string;
  /** What is written stays in a snapshot of its own until that is removed; read-only unless said. */
  readonly writable?: boolean;
  /** Milliseconds until the snapshot may be collected, an hour unless said: by then it should be unmounted. */
  readonly expires?: number;
}

/**
 * Mounts an image on `target`, unpacking it first if need be. The snapshot and the lease that holds it have the
 * target's name. Gives the chain ID of what is mounted.
 */
export async function mountImage(
  services: Services,
  image: Image,
  target: string,
  { snapshotter = "overlayfs", writable = false, expires = hour, ...call }: MountOptions = {},
): Promise<string> {
  const lease = await createLease(services, { id: target, expires, ...call }).catch(
    unless(Code.AlreadyExists),
  );
  try {
    const held = { ...call, lease: target };
    await image.unpack({ snapshotter, ...held });
    const parent = await image.chainId();
    mountAll(await mountsFor(services, { snapshotter, key: target, parent }, writable, held), target);
    return parent;
  } catch (error) {
    if (lease) {
      await services.stub(SnapshotsDefinition).remove({ snapshotter, key: target }, call).catch(() => {});
      await lease.delete();
    }
    throw error;
  }
}

async function mountsFor(
  services: Services,
  request: { snapshotter: string; key: string; parent: string },
  writable: boolean,
  call: CallOptions,
): Promise<Mount[]> {
  const snapshots = services.stub(SnapshotsDefinition);
  try {
    return (await (writable ? snapshots.prepare(request, call) : snapshots.view(request, call))).mounts;
  } catch (error) {
    // It was mounted here before, and unmounted without removing its snapshot.
    if (!isError(error, Code.AlreadyExists)) throw error;
    return (await snapshots.mounts(request, call)).mounts;
  }
}

/** Unmounts what is mounted on `target`; with `remove` its snapshot and lease go too. */
export async function unmountImage(
  services: Services,
  target: string,
  { snapshotter = "overlayfs", remove = false, ...call }: CallOptions & {
    snapshotter?: string;
    remove?: boolean;
  } = {},
): Promise<void> {
  if (!await exists(target)) throw notFound(`unmount ${target}: no such directory`);
  await unmountAll(target);
  if (!remove) return;
  await services.stub(LeasesDefinition).delete({ id: target }, call).catch(unless(Code.NotFound));
  await services.stub(SnapshotsDefinition).remove({ snapshotter, key: target }, call).catch(
    unless(Code.NotFound),
  );
}

const exists = (path: string) => Deno.lstat(path).then(() => true, () => false);

function unless(code: Code) {
  return (error: unknown): undefined => {
    if (!isError(error, code)) throw error;
  };
}
