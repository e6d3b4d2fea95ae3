/** Files of an archive on their way through us into a daemon's content store. */
import { createHash } from "node:crypto";
import { Code, isError } from "../errors.ts";
import { claimedDigest, type FileSink, type StoredFile } from "../image_archive/mod.ts";
import { Queue } from "../rpc/queue.ts";
import type { CallOptions } from "../rpc/service.ts";
import type { ContentClient } from "./content.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Puts files into the store, in the lease that `call` names. */
export class ArchiveSink {
  readonly #content: ContentClient;
  readonly #call: CallOptions;
  readonly #id = crypto.randomUUID();
  #files = 0;

  constructor(content: ContentClient, call: CallOptions) {
    this.#content = content;
    this.#call = call;
  }

  open(path: string, size: number): Promise<FileSink> {
    const ref = `import-${this.#id}-${this.#files++}`;
    const expected = claimedDigest(path);
    const hash = expected ? undefined : createHash("sha256");
    // One piece waits while another is sent.
    const pieces = new Queue<Bytes>(1);
    const writing = this.#content.write(ref, pieces, { ...this.#call, expected, size });
    // The daemon may refuse it before we have sent all: that is told when the file ends.
    writing.catch(() => {});
    return Promise.resolve({
      write: async (bytes) => {
        hash?.update(bytes);
        await pieces.push(bytes.slice());
      },
      finish: async (): Promise<StoredFile> => {
        pieces.close();
        const digest = expected ?? `sha256:${hash!.digest("hex")}`;
        await writing.catch((error) => {
          if (!isError(error, Code.AlreadyExists)) throw error;
        });
        return { digest, size };
      },
      abandon: async () => {
        pieces.fail(new Error("the archive broke off"));
        await writing.catch(() => {});
        await this.#content.abort(ref).catch(() => {});
      },
    });
  }

  /** Stores a document; gives its digest. */
  async store(bytes: Bytes): Promise<string> {
    const sink = await this.open("document", bytes.length);
    await sink.write(bytes);
    return (await sink.finish()).digest;
  }
}
