/** What is said between the carrier and its Worker. */
import type { Code } from "../errors.ts";
import type { HttpRequest } from "../remotes/mod.ts";

/** A request whose body is a part of a file. */
export interface Load {
  readonly request: Omit<HttpRequest, "body">;
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
    | { readonly type: "answer"; readonly answer: WholeAnswer }
    | { readonly type: "failed"; readonly code: Code; readonly message: string }
  );
