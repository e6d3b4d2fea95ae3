/**
 * The one error type of the project, and its classes.
 *
 * Clients of containerd branch on the class, and Go's clients recognise it by the words that end the
 * message ("...: not found"), so both are part of the wire format.
 */

/** Error classes, with the number that gRPC and ttrpc give them. */
export const Code = {
  Canceled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  AlreadyExists: 6,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const;

/** The number of an error class. */
export type Code = typeof Code[keyof typeof Code];

const suffixes: Partial<Record<Code, string>> = {
  [Code.InvalidArgument]: "invalid argument",
  [Code.NotFound]: "not found",
  [Code.AlreadyExists]: "already exists",
  [Code.FailedPrecondition]: "failed precondition",
  [Code.Unimplemented]: "not implemented",
  [Code.Unavailable]: "unavailable",
};

/** An error with a class. The message names the thing and the reason; the class's words end it. */
export class CtrError extends Error {
  override readonly name = "CtrError";
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    const suffix = suffixes[code];
    super(suffix && !message.endsWith(suffix) ? `${message}: ${suffix}` : message, options);
    this.code = code;
  }
}

/**
 * The class of any thrown value: aborts are Canceled, time-outs DeadlineExceeded, a full disk is ResourceExhausted,
 * strangers are Unknown.
 */
export function codeOf(error: unknown): Code {
  if (error instanceof CtrError) return error.code;
  if (isDiskFull(error)) return Code.ResourceExhausted;
  if (error instanceof DOMException && error.name === "AbortError") return Code.Canceled;
  if (error instanceof DOMException && error.name === "TimeoutError") return Code.DeadlineExceeded;
  return Code.Unknown;
}

/** Whether a thrown value is of the class `code`. */
export function isError(error: unknown, code: Code): error is CtrError {
  return error instanceof CtrError && error.code === code;
}

/** Whether a disk or a quota is full, as the kernel (ENOSPC, EDQUOT) or SQLite (SQLITE_FULL) say it. */
export function isDiskFull(error: unknown): boolean {
  return /\bos error (28|122)\b|database or disk is full/.test(messageOf(error));
}

/** The words of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `what` as an error of the class InvalidArgument. */
export const invalidArgument = (what: string, options?: ErrorOptions) =>
  new CtrError(Code.InvalidArgument, what, options);

/** `what` as an error of the class NotFound. */
export const notFound = (what: string, options?: ErrorOptions) => new CtrError(Code.NotFound, what, options);

/** `what` as an error of the class AlreadyExists. */
export const alreadyExists = (what: string, options?: ErrorOptions) =>
  new CtrError(Code.AlreadyExists, what, options);

/** `what` as an error of the class FailedPrecondition. */
export const failedPrecondition = (what: string, options?: ErrorOptions) =>
  new CtrError(Code.FailedPrecondition, what, options);

/** `what` as an error of the class Unavailable. */
export const unavailable = (what: string, options?: ErrorOptions) =>
  new CtrError(Code.Unavailable, what, options);

/** `what` as an error of the class Unimplemented. */
export const unimplemented = (what: string, options?: ErrorOptions) =>
  new CtrError(Code.Unimplemented, what, options);
