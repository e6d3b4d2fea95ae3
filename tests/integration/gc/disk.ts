/** What a daemon has on disk, and what it has records of. */
import assert from "node:assert/strict";
import type { Longshore } from "../../harness/mod.ts";

/** Names of blobs, ingests and snapshots, sorted. */
export interface Held {
  blobs: string[];
  ingests: string[];
  snapshots: string[];
}

export const nothing: Held = { blobs: [], ingests: [], snapshots: [] };

const names = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();

/** What is on disk, also of removals that are not done: digests, ingests' keys, snapshots' directories. */
export function diskOf({ root }: Longshore): Held {
  return {
    blobs: names(`${root}/content/blobs/sha256`).map((hex) => `sha256:${hex}`),
    ingests: names(`${root}/content/ingest`),
    snapshots: names(`${root}/snapshots/overlayfs`),
  };
}

/** What the default namespace has records of: digests, refs, keys. */
export async function recordsOf(daemon: Longshore): Promise<Held> {
  const lines = async (...args: string[]) => {
    const { code, stdout, stderr } = await daemon.ctr(args);
    assert.equal(code, 0, stderr);
    return stdout.split("\n").slice(args.includes("-q") ? 0 : 1).map((line) => line.split(/\s/)[0]!).filter(
      Boolean,
    );
  };
  return {
    blobs: (await lines("content", "ls", "-q")).sort(),
    ingests: (await lines("content", "active")).sort(),
    snapshots: (await lines("snapshots", "ls")).sort(),
  };
}
