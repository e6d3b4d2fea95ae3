/** Getting content from a registry into the content store: each blob once, verified, going on where it broke off. */
import { Code, codeOf, CtrError, isError } from "../errors.ts";
import {
  isIndexType,
  isManifestType,
  sourceLabel,
  sourceLabelName,
  uncompressedLabel,
} from "../images/mod.ts";
import type { ContentStore, ContentWriter, LeaseStore, SnapshotStore, Staged } from "../metadata/mod.ts";
import { delay, LARGEST_MANIFEST, type Remote, type Target } from "../remotes/mod.ts";
import type { Scope } from "../scope.ts";
import type { Flights } from "./flights.ts";
import { InterruptedError, type LayerResult, type LayerWorkers } from "./layer_workers.ts";
import { progressOf, refOf, type Report } from "./progress.ts";
import { type LayerSource, stageStored, type Staging } from "./stored_layers.ts";

/** The rooms that transfers work with. */
export interface TransferRooms {
  readonly content: ContentStore;
  readonly snapshots: SnapshotStore;
  readonly leases: LeaseStore;
  readonly workers: LayerWorkers;
}

/** A layer's files, not yet a snapshot. */
export interface StagedLayer {
  readonly staged: Staged;
  readonly result: LayerResult;
}

/** One attempt's way: what of the blob is there, where it goes, and which of the places that have it is asked. */
interface Way {
  readonly offset: number;
  readonly staged?: Staged;
  readonly place: number;
  readonly accompanied?: boolean;
}

const useless = new Set<Code>([Code.FailedPrecondition, Code.InvalidArgument, Code.ResourceExhausted]);
const TRIES = 5;
const LOCKED_WAIT = 200;

/** One pull's way to content. */
export class Download implements LayerSource {
  readonly #rooms: TransferRooms;
  readonly #flights: Flights;
  readonly #remote: Remote;
  readonly #scope: Scope;
  readonly #report: Report;

  constructor(rooms: TransferRooms, flights: Flights, remote: Remote, scope: Scope, report: Report) {
    this.#rooms = rooms;
    this.#flights = flights;
    this.#remote = remote;
    this.#scope = scope;
    this.#report = report;
  }

  /** A manifest, index or config, which is in the store afterwards. */
  async document(target: Target, signal: AbortSignal): Promise<Uint8Array> {
    await this.#once(target, async (signal, report) => {
      report(progressOf("waiting", target));
      // Where a document is new, layers are, and a Worker needs longer to start than documents to come.
      this.#rooms.workers.prepare();
      const bytes = await this.#remote.fetch(target, signal);
      await this.#write(target, signal, async (writer) => {
        if (!writer.isShared) {
          if (writer.offset > 0) await writer.truncate();
          await writer.write(bytes);
        }
        return undefined;
      });
      report(progressOf("complete", target, Number(target.size)));
    }, signal);
    return await this.#rooms.content.readAll(this.#scope, target.digest, LARGEST_MANIFEST);
  }

  /** A blob into the store; nothing happens if it is there. */
  async blob(target: Target, signal: AbortSignal): Promise<void> {
    await this.#once(target, (signal, report) => this.#fetch(target, undefined, signal, report), signal);
  }

  /** A layer into the store and, in the same pass if it has to be fetched, into a directory. */
  async layer(target: Target, staging: Staging, signal: AbortSignal): Promise<StagedLayer> {
    let mine: Promise<StagedLayer | undefined> | undefined;
    try {
      await this.#once(target, async (signal, report) => {
        mine = this.#fetch(target, staging, signal, report);
        mine.catch(() => {});
        await mine;
      }, signal);
      signal.throwIfAborted();
    } catch (error) {
      // Others may still wait for the blob while this pull has gone: then nobody wants the files.
      void mine?.then((layer) => layer && this.discard(staging.snapshotter, layer), () => {});
      throw error;
    }
    return await mine ?? await this.#fromFile(target, staging, signal);
  }

  /** The bytes of a blob or a document, verified, into a file that is no part of the store. */
  async file(target: Target, path: string, signal: AbortSignal): Promise<void> {
    if (isIndexType(target.mediaType) || isManifestType(target.mediaType)) {
      const bytes = await this.#remote.fetch(target, signal);
      await Deno.writeFile(path, bytes);
    } else {
      await this.#attempts(target, { dataPath: path, offset: 0 }, undefined, signal, this.#report);
    }
  }

  /** Throws a staged layer away. */
  async discard(snapshotter: string, { staged }: StagedLayer): Promise<void> {
    await this.#rooms.snapshots.discardStaged(snapshotter, staged.id);
  }

  /** Does `work` unless the blob is there or comes for somebody else; then holds and labels it for this pull. */
  async #once(
    target: Target,
    work: (signal: AbortSignal, report: Report) => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<void> {
    const { content } = this.#rooms;
    const key = `blob ${this.#scope.namespace} ${target.digest}`;
    for (let attempt = 1;; attempt++) {
      const exists = content.has(this.#scope, target.digest);
      if (exists) this.#report(progressOf("already exists", target, Number(target.size)));
      let own = false;
      try {
        if (!exists) {
          const start = (signal: AbortSignal, report: Report) => {
            own = true;
            return work(signal, report);
          };
          await this.#flights.join(key, start, { signal, onProgress: this.#report });
        }
        await this.#keep(target);
        return;
      } catch (error) {
        // What failed for another's reasons (its credentials, its lease) may do for ours.
        if (own || exists && !isError(error, Code.NotFound) || signal.aborted || attempt >= 3) throw error;
      }
    }
  }

  async #keep(target: Target): Promise<void> {
    const { content, leases } = this.#rooms;
    const { digest } = target;
    const { lease } = this.#scope;
    if (lease) await leases.addResource(this.#scope, lease, { type: "content", id: digest });
    const name = sourceLabelName(this.#remote.reference);
    const before = content.info(this.#scope, digest).labels[name];
    const labels = sourceLabel(this.#remote.reference, before);
    if (labels[name] !== before) await content.update(this.#scope, { digest, labels }, [`labels.${name}`]);
  }

  /** Writes under the blob's ref with what `work` gives; waits for those who write it from outside. */
  async #write(
    target: Target,
    signal: AbortSignal,
    work: (writer: ContentWriter) => Promise<LayerResult | undefined>,
  ): Promise<void> {
    const { content } = this.#rooms;
    const ref = refOf(target);
    const size = Number(target.size);
    const expected = target.digest;
    try {
      await using writer = await this.#writer(ref, expected, size, signal);
      const verified = await work(writer);
      const labels = {
        ...sourceLabel(this.#remote.reference),
        ...verified?.diffId && verified.diffId !== expected && { [uncompressedLabel]: verified.diffId },
      };
      await writer.commit({ size, expected, labels, verified });
    } catch (error) {
      if (isError(error, Code.AlreadyExists)) return;
      // Bytes that are wrong are of no use to a next try, and a full disk needs the room of the others.
      const code = codeOf(error);
      if (useless.has(code)) await content.abort(this.#scope, ref).catch(() => {});
      throw error;
    }
  }

  async #writer(ref: string, expected: string, total: number, signal: AbortSignal): Promise<ContentWriter> {
    for (;;) {
      try {
        return await this.#rooms.content.writer(this.#scope, ref, { expected, total });
      } catch (error) {
        if (!isError(error, Code.Unavailable)) throw error;
        await delay(LOCKED_WAIT, signal);
      }
    }
  }

  async #fetch(
    target: Target,
    staging: Staging | undefined,
    signal: AbortSignal,
    report: Report,
  ): Promise<StagedLayer | undefined> {
    report(progressOf("waiting", target));
    let layer: StagedLayer | undefined;
    try {
      await this.#write(target, signal, async (writer) => {
        if (writer.isShared) return undefined;
        const done = await this.#attempts(target, writer, staging, signal, report);
        if (done.staged) layer = { staged: done.staged, result: done.result };
        return done.result;
      });
    } catch (error) {
      if (layer) await this.discard(staging!.snapshotter, layer);
      throw error;
    }
    report(progressOf("complete", target, Number(target.size)));
    return layer;
  }

  async #attempts(
    target: Target,
    writer: Pick<ContentWriter, "dataPath" | "offset">,
    staging: Staging | undefined,
    signal: AbortSignal,
    report: Report,
  ): Promise<{ result: LayerResult; staged?: Staged }> {
    let offset = writer.offset > Number(target.size) ? 0 : writer.offset;
    const places = 1 + (this.#remote.blob(target).others?.length ?? 0);
    let place = 0;
    for (let attempt = 1;; attempt++) {
      const staged = staging && await this.#rooms.snapshots.stage(staging.snapshotter);
      const accompanied = staging?.accompanied;
      try {
        const way = { offset, staged, place, accompanied };
        return { result: await this.#run(target, writer, way, signal, report), staged };
      } catch (error) {
        if (staged) await this.#rooms.snapshots.discardStaged(staging!.snapshotter, staged.id);
        if (signal.aborted || attempt >= TRIES) throw about(target.digest, error);
        const before = offset;
        const isLast = place + 1 >= places;
        offset = await this.#nextOffset(target, error, offset, signal, isLast);
        if (offset > before) continue;
        // A mirror that has other bytes, or hangs up at once, is as good as none: that is no try of the others.
        if (!isLast) [place, attempt] = [place + 1, attempt - 1];
        else await delay(200 * 2 ** attempt, signal);
      }
    }
  }

  /** Where the next try goes on; throws what a next try can't mend. */
  async #nextOffset(
    target: Target,
    error: unknown,
    offset: number,
    signal: AbortSignal,
    isLast: boolean,
  ): Promise<number> {
    if (error instanceof InterruptedError) return error.received;
    if (isError(error, Code.Unauthenticated)) {
      await this.#remote.renew(target, signal);
      return offset;
    }
    const badBytes = isError(error, Code.FailedPrecondition) || isError(error, Code.InvalidArgument);
    // The part that an earlier try left may be what is wrong.
    if (badBytes && offset > 0 || isError(error, Code.FailedPrecondition) && !isLast) return 0;
    throw about(target.digest, error);
  }

  async #run(
    target: Target,
    writer: Pick<ContentWriter, "dataPath">,
    { offset, staged, place, accompanied }: Way,
    signal: AbortSignal,
    report: Report,
  ): Promise<LayerResult> {
    const { digest, mediaType } = target;
    const ingest = { path: writer.dataPath, offset, digest, size: Number(target.size) };
    const into = staged && { dir: staged.layerPath, form: "overlay" as const };
    const { log } = this.#remote;
    const job = {
      source: { blob: this.#remote.blob(target, place) },
      ingest,
      target: into,
      mediaType,
      ...log && { log: { dump: log.dump, trace: log.trace } },
    };
    const onProgress = ({ received }: { received: number }) =>
      report(progressOf("downloading", target, received));
    return await this.#rooms.workers.run(job, { signal, onProgress, onLog: log?.tell, accompanied });
  }

  async #fromFile(target: Target, staging: Staging, signal: AbortSignal): Promise<StagedLayer> {
    const what = { ...staging, target, report: this.#report };
    return await stageStored(this.#rooms, this.#scope, what, signal);
  }
}

/** An error with the thing that it is about before its words, its class kept. */
export function about(thing: string, error: unknown): unknown {
  if (!(error instanceof CtrError) || error.message.includes(thing)) return error;
  return new CtrError(error.code, `${thing}: ${error.message}`, { cause: error });
}
