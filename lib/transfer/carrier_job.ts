/** What is said between the carrier and its Worker. */
import type { Code } from "../errors.ts";
import type { HttpLog, HttpRequest } from "../remotes/mod.ts";

/** A request whose body is a part of a file. */
export interface Load {
  readonly request: Omit<HttpRequest, "body" | "log">;
  readonly log?: Pick<HttpLog, "dump" | "trace">;
  readonly file: { readonly path: string; readonly offset: number; readonly size: number };
}

export type ToWorker =
  | { readonly id: number; readonly type: "send"; readonly load: Load }
  | { readonly id: number; readonly type: "abort" };

/** An answer, all of it. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly url: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

export type FromWorker =
  & { readonly id: number }
  & (
    | { readonly type: "sent"; readonly bytes: number }
    | { readonly type: "log"; readonly text: string }
    | { readonly type: "answer"; readonly answer: WholeAnswer }
    | { readonly type: "failed"; readonly code: Code; readonly message: string }
  );
