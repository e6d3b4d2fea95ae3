/** What the pool of layer workers and its workers say to each other: everything here can be cloned. */
import type { AppliedTar, ByteText, LayerTarget } from "../archive/mod.ts";
import { type MadeLayer, NeedsMountError } from "../archive/mod.ts";
import { Code, CtrError, messageOf } from "../errors.ts";
import type { CompressedLayer, CompressJob } from "./compress_layer.ts";
import type { MakeJob } from "./make_layer.ts";
import type { BlobRequest, HttpLog } from "../remotes/mod.ts";

/** One layer to be fetched, or read, and verified; and unpacked, if there is a target. */
export interface LayerJob {
  readonly source: { readonly file: string } | { readonly blob: BlobRequest };
  /** The file that a blob is written to. Its first `offset` bytes are there already and are used from there. */
  readonly ingest?: {
    readonly path: string;
    readonly offset: number;
    readonly digest: string;
    readonly size: number;
  };
  /** What a file has to hold; for blobs `ingest` says it. */
  readonly expected?: { readonly digest: string; readonly size: number };
  readonly target?: LayerTarget;
  /** The memory through which another Worker gets the tar and does the unpacking: see shared_layer.ts. */
  readonly ring?: SharedArrayBuffer;
  readonly mediaType: string;
  /** What to tell of the requests for a blob. */
  readonly log?: Pick<HttpLog, "dump" | "trace">;
}

/** What a finished job found out. */
export interface LayerResult {
  /** Digest and length of the layer as it came. */
  readonly digest: string;
  readonly size: number;
  /** Of an unpacked layer: digest and length of the tar in it. */
  readonly diffId?: string;
  readonly unpackedSize?: number;
  readonly entries?: number;
  /** Of an unpacked layer: directories whose attributes `adoptParents` (lib/archive) has to fill in. */
  readonly impliedDirs?: ByteText[];
}

/** A transfer that broke off. What came until then is in the ingest, so that the next try can go on from it. */
export class InterruptedError extends CtrError {
  /** Bytes in the ingest, from its beginning. */
  readonly received: number;

  constructor(message: string, received: number, options?: ErrorOptions) {
    super(Code.Unavailable, message, options);
    this.received = received;
  }
}

/** The second half of a layer that two Workers share. */
export interface UnpackJob {
  readonly unpack: LayerTarget;
  readonly ring: SharedArrayBuffer;
}

/** Work for a Worker, and what it gives. */
export type Job = LayerJob | UnpackJob | MakeJob | CompressJob;
export type Result = LayerResult | AppliedTar | MadeLayer | CompressedLayer;

export type Request = { type: "run"; job: Job } | { type: "abort" };

export type Reply =
  | { type: "progress"; received: number }
  | { type: "log"; text: string }
  | { type: "done"; result: Result }
  | Failure;

/** An error on its way. */
export interface Failure {
  readonly type: "failed";
  readonly code: Code;
  readonly message: string;
  readonly received?: number;
  readonly needsMount?: boolean;
}

/** An error, fit to be sent. */
export function failureOf(error: unknown): Failure {
  const received = error instanceof InterruptedError ? error.received : undefined;
  const code = error instanceof CtrError ? error.code : Code.Internal;
  const needsMount = error instanceof NeedsMountError;
  return { type: "failed", code, message: messageOf(error), received, needsMount };
}

/** The error that was sent. */
export function errorOf({ code, message, received, needsMount }: Failure): Error {
  if (needsMount) return new NeedsMountError(message);
  if (received === undefined) return new CtrError(code, message);
  return new InterruptedError(message, received);
}
