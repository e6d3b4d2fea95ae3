/** Frames of HTTP/2: a header of nine bytes (length, type, flags, stream id), then the payload. Source: RFC 9113, 4 and 6. */
import type { Stream } from "./stream.ts";

/** What a frame is. */
export const FrameType = {
  Data: 0,
  Headers: 1,
  Priority: 2,
  RstStream: 3,
  Settings: 4,
  PushPromise: 5,
  Ping: 6,
  GoAway: 7,
  WindowUpdate: 8,
  Continuation: 9,
} as const;

/** What a frame says beside its payload; `Ack` is of settings and pings, `EndStream` of data and headers. */
export const Flag = { EndStream: 1, Ack: 1, EndHeaders: 4, Padded: 8, Priority: 0x20 } as const;

/** Why a stream or a connection ends. */
export const ErrorCode = {
  NoError: 0,
  ProtocolError: 1,
  FlowControlError: 3,
  StreamClosed: 5,
  FrameSizeError: 6,
  Cancel: 8,
  CompressionError: 9,
  EnhanceYourCalm: 11,
} as const;

export type ErrorCode = typeof ErrorCode[keyof typeof ErrorCode];

/** What a client sends before its first frame. */
export const preface = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** The longest payload that we take, and that a peer takes which has not said otherwise. */
export const defaultMaxFrame = 16 << 10;

export const headerLength = 9;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  /** Good until the next frame is taken. */
  readonly payload: Uint8Array;
}

/** The peer broke the protocol: its connection is over. */
export class ConnectionError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The peer broke the rules for one stream: only that is over. */
export class StreamError extends Error {
  readonly code: ErrorCode;
  readonly stream: Stream;

  constructor(stream: Stream, code: ErrorCode, message: string) {
    super(message);
    this.stream = stream;
    this.code = code;
  }
}

/** A frame's header; the payload of `length` bytes is to follow. */
export function frameHeader(length: number, type: number, flags: number, stream: number): Uint8Array {
  const header = new Uint8Array(headerLength);
  writeHeader(header, length, type, flags, stream);
  return header;
}

/** A whole frame, with a copy of its payload. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: ArrayLike<number> = [],
): Uint8Array {
  const bytes = new Uint8Array(headerLength + payload.length);
  writeHeader(bytes, payload.length, type, flags, stream);
  bytes.set(payload, headerLength);
  return bytes;
}

function writeHeader(bytes: Uint8Array, length: number, type: number, flags: number, stream: number): void {
  bytes[0] = length >> 16;
  bytes[1] = length >> 8;
  bytes[2] = length;
  bytes[3] = type;
  bytes[4] = flags;
  writeUint32(bytes, 5, stream);
}

/** The frame at `at`; undefined if it isn't all there. Throws for one that is too long. */
export function readFrame(bytes: Uint8Array, at: number, end: number): Frame | undefined {
  if (end - at < headerLength) return undefined;
  const length = bytes[at]! << 16 | bytes[at + 1]! << 8 | bytes[at + 2]!;
  if (length > defaultMaxFrame) {
    throw new ConnectionError(ErrorCode.FrameSizeError, `a frame of ${length} bytes`);
  }
  const start = at + headerLength;
  if (end - start < length) return undefined;
  return {
    type: bytes[at + 3]!,
    flags: bytes[at + 4]!,
    stream: readUint31(bytes, at + 5),
    payload: bytes.subarray(start, start + length),
  };
}

/** What a frame of data or headers carries between its padding. */
export function unpadded({ flags, payload }: Frame): Uint8Array {
  if (!(flags & Flag.Padded)) return payload;
  const padding = payload[0];
  if (padding === undefined || padding >= payload.length) {
    throw new ConnectionError(ErrorCode.ProtocolError, "more padding than payload");
  }
  return payload.subarray(1, payload.length - padding);
}

/** A number of 32 bits, without its first bit, which is reserved wherever this is used. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return (bytes[at]! & 0x7f) << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!;
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
