/**
 * Exporting from a daemon without a Transfer service (containerd before 1.7): the daemon's content comes to us, and
 * we make the archive. A lease holds it meanwhile.
 */
import { ImagesDefinition } from "../api/services/images/v1/images.ts";
import type { Progress } from "../api/types/transfer/progress.ts";
import { Code, isError, notFound } from "../errors.ts";
import { archiveBytes, archiveFiles, type ExportPlan, planExport } from "../image_archive/mod.ts";
import { normalizePlatform, refOf } from "../images/mod.ts";
import { ContentClient } from "./content.ts";
import { createLease } from "./lease.ts";
import type { Services } from "./services.ts";
import type { Export } from "./transfer_export.ts";

const LARGEST = 8 << 20;

/** The bytes of an archive; errors as those of the daemon's own export. */
export async function* exportByClient(
  services: Services,
  wish: Export,
  onProgress: (update: Progress) => void,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const content = new ContentClient(services);
  const { skipNonDistributable, allPlatforms } = wish;
  const platforms = wish.platforms.map((platform) => normalizePlatform({ ...platform, osVersion: "" }));
  await using lease = await createLease(services, { signal });
  const plans: ExportPlan[] = [];
  for (const name of new Set(wish.images)) {
    const target = await targetOf(services, name);
    await lease.add({ id: target.digest, type: "content" }, { signal });
    const store = storeOf(content, signal);
    plans.push(
      await planExport(store, { name, target }, { platforms, allPlatforms, skipNonDistributable }),
    );
  }
  for (const skipped of new Set(plans.flatMap((plan) => plan.skipped))) onProgress(word("skipped", skipped));
  const files = archiveFiles(plans, { docker: !wish.skipManifestJson });
  yield* archiveBytes(files, async function* (blob) {
    onProgress(word("exporting", refOf(blob), blob.size));
    // A blob without bytes has no message.
    if (blob.size > 0) yield* content.read(blob.digest, { signal });
    onProgress(word("complete", refOf(blob), blob.size, blob.size));
  });
}

async function targetOf(services: Services, name: string) {
  const { image } = await services.stub(ImagesDefinition).get({ name });
  if (!image?.target) throw notFound(`image ${JSON.stringify(name)}`);
  const { mediaType, digest, size, annotations } = image.target;
  return { mediaType, digest, size: Number(size), annotations };
}

function storeOf(content: ContentClient, signal: AbortSignal | undefined) {
  return {
    async has(digest: string): Promise<boolean> {
      try {
        await content.info(digest, { signal });
        return true;
      } catch (error) {
        if (isError(error, Code.NotFound)) return false;
        throw error;
      }
    },
    readAll: (digest: string) => content.readAll(undefined, digest, LARGEST),
  };
}

function word(event: string, name: string, total = 0, done = 0): Progress {
  return { event, name, parents: [], progress: BigInt(done), total: BigInt(total), desc: undefined };
}
