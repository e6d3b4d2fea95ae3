/** A content store of a test's own, which can be closed and opened again. */
import { BlobStore } from "../../../lib/content/mod.ts";
import { ContentStore, Database } from "../../../lib/metadata/mod.ts";
import { sha256 } from "./sha256.ts";

export class Fixture implements AsyncDisposable {
  readonly dir: string;
  #db!: Database;
  store!: ContentStore;
  /** Topics of the events that the store has published. */
  readonly events: string[] = [];

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async open(): Promise<Fixture> {
    const fixture = new Fixture(await Deno.makeTempDir({ prefix: "longshore-content-" }));
    await fixture.reopen();
    return fixture;
  }

  /** What a restart of the daemon does. */
  async reopen(): Promise<void> {
    await this.#db?.close();
    this.#db = await Database.open(`${this.dir}/metadata.kv`);
    const publish = (_namespace: string, topic: string) => void this.events.push(topic);
    this.store = new ContentStore(this.#db, await BlobStore.open(`${this.dir}/content`), { publish });
  }

  get db(): Database {
    return this.#db;
  }

  /** Writes a blob whole; its digest. */
  async put(namespace: string, text: string, labels: Record<string, string> = {}): Promise<string> {
    const bytes = new TextEncoder().encode(text);
    await using writer = await this.store.writer({ namespace }, `put-${text.slice(0, 20)}`);
    await writer.write(bytes);
    return (await writer.commit({ labels, expected: sha256(bytes) })).digest;
  }

  /** Names of files below a directory of the store. */
  files(path: string): string[] {
    return [...Deno.readDirSync(`${this.dir}/content/${path}`)].map(({ name }) => name).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#db.close();
    await Deno.remove(this.dir, { recursive: true });
  }
}
