/** Unpacking a layer that is in the content store into a mounted or mountable directory. */
import type { Descriptor } from "../api/types/descriptor.ts";
import type { Mount } from "../api/types/mount.ts";
import { adoptParents, type Form } from "../archive/mod.ts";
import { invalidArgument, unimplemented } from "../errors.ts";
import type { Scope } from "../scope.ts";
import { syncFilesystem, withTempMount } from "../sys/mod.ts";
import type { LayerWorkers } from "./layer_workers.ts";

/** What this needs of the content store. */
export interface LayerContent {
  /** The file of a blob that the namespace has. Throws NotFound. */
  path(scope: Scope, digest: string): string;
  info(scope: Scope, digest: string): { readonly size: bigint };
}

const TAR = "application/vnd.oci.image.layer.v1.tar";
const tarTypes = /^application\/vnd\..*\.tar([.+](gzip|zstd))?$/;

/** A directory that a layer can be unpacked into, and those below it. */
interface Place {
  readonly dir: string;
  readonly form: Form;
  readonly parents: readonly string[];
}

/**
 * Unpacks the layer `diff` into what `mounts` describe: straight into an overlay's upper directory or a bind's
 * source, else through a mount made for it. Gives the descriptor of the uncompressed layer. Throws NotFound
 * without the blob, InvalidArgument if it is no layer, Unimplemented for other media types than tar.
 */
export async function applyDiff(
  content: LayerContent,
  workers: LayerWorkers,
  scope: Scope,
  { diff, mounts, syncFs = false }: {
    diff: Descriptor | undefined;
    mounts: readonly Mount[];
    /** Wait until the files are on disk. */
    syncFs?: boolean;
  },
  signal?: AbortSignal,
): Promise<Descriptor> {
  if (!diff?.digest) throw invalidArgument("apply: no layer named");
  if (!tarTypes.test(diff.mediaType)) {
    throw unimplemented(`apply ${diff.digest}: layers of the media type ${JSON.stringify(diff.mediaType)}`);
  }
  const source = { file: content.path(scope, diff.digest) };
  const expected = { digest: diff.digest, size: Number(content.info(scope, diff.digest).size) };
  return await withPlace(mounts, async ({ dir, form, parents }) => {
    const job = { source, expected, target: { dir, form }, mediaType: diff.mediaType };
    const { diffId, unpackedSize, impliedDirs } = await workers.run(job, { signal });
    adoptParents(dir, parents, impliedDirs ?? []);
    if (syncFs) await syncFilesystem(dir);
    return { mediaType: TAR, digest: diffId!, size: BigInt(unpackedSize!), annotations: {} };
  });
}

async function withPlace<T>(mounts: readonly Mount[], work: (place: Place) => Promise<T>): Promise<T> {
  const direct = directPlace(mounts);
  if (direct) return await work(direct);
  return await withTempMount(mounts, (dir) => work({ dir, form: "plain", parents: [] }));
}

/** Where the files of one writable overlay or bind really are. */
function directPlace(mounts: readonly Mount[]): Place | undefined {
  const [mount, another] = mounts;
  if (!mount || another || mount.target || mount.options.includes("ro")) return undefined;
  if (mount.type === "overlay") {
    // Its marks are attributes of another name.
    if (mount.options.includes("userxattr")) return undefined;
    const dir = valueOf(mount, "upperdir=");
    const lower = valueOf(mount, "lowerdir=");
    // Escaped colons, and lower directories named relative to the mounter's own, are for the kernel.
    if (!dir || lower?.includes("\\")) return undefined;
    const parents = lower?.split(":").filter((path) => path !== "") ?? [];
    return parents.every((path) => path.startsWith("/")) ? { dir, form: "overlay", parents } : undefined;
  }
  const bind = mount.options.includes("bind") || mount.options.includes("rbind");
  return bind ? { dir: mount.source, form: "plain", parents: [] } : undefined;
}

function valueOf(mount: Mount, key: string): string | undefined {
  return mount.options.find((option) => option.startsWith(key))?.slice(key.length);
}
