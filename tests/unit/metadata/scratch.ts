/** Metadata for a test: a database in a directory of its own, and what was published. */
import type { Any } from "../../../lib/api/google/protobuf/any.ts";
import type { Image } from "../../../lib/api/services/images/v1/images.ts";
import { Database } from "../../../lib/metadata/mod.ts";

export interface Published {
  namespace: string;
  topic: string;
  event: Any;
}

/** A fresh database, closed and removed at the end of the scope. */
export async function scratch() {
  const dir = await Deno.makeTempDir({ prefix: "longshore-metadata-" });
  const path = `${dir}/metadata.kv`;
  let db = await Database.open(path);
  const events: Published[] = [];
  return {
    path,
    get db() {
      return db;
    },
    events,
    topics: () => events.map(({ topic }) => topic),
    publisher: {
      publish: (namespace: string, topic: string, event: Any) =>
        void events.push({ namespace, topic, event }),
    },
    /** Closes the file and opens it again. */
    async reopen() {
      await db.close();
      return db = await Database.open(path);
    },
    async [Symbol.asyncDispose]() {
      await db.close();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** A digest that looks real: 64 times a number's hex digits. */
export function digestOf(n: number): string {
  return `sha256:${n.toString(16).padStart(64, "0")}`;
}

export function imageOf(name: string, n = 1, labels: Record<string, string> = {}): Image {
  return {
    name,
    labels,
    target: {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: digestOf(n),
      size: 10n,
      annotations: {},
    },
    createdAt: undefined,
    updatedAt: undefined,
  };
}
