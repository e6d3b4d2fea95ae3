/** Errors as google.rpc.Status, and back. */
import type { Status } from "../api/google/rpc/status.ts";
import { Code, codeOf, CtrError, messageOf } from "../errors.ts";

/** Any thrown value as a status. */
export function statusOf(error: unknown): Status {
  return { code: codeOf(error), message: messageOf(error), details: [] };
}

/** The error that a status stands for. */
export function errorOf(status: { code: number; message: string }): CtrError {
  const known = Object.values(Code).includes(status.code as Code);
  return new CtrError(known ? status.code as Code : Code.Unknown, status.message);
}
