/** What begins and ends an answer. Source: gRPC over HTTP/2, responses. */
import { statusOf } from "../status.ts";
import { encodeHeaders, type Field } from "../http2/hpack.ts";
import type { Refusal } from "./head.ts";

const beginning: readonly Field[] = [[":status", "200"], ["content-type", "application/grpc"]];

/** The fields before the messages. */
export const answerHeaders = encodeHeaders(beginning);
/** The fields after the last message of a call that went well. */
export const answerTrailers = encodeHeaders([["grpc-status", "0"]]);

/** The fields that end a call with an error; also those that begin its answer, if nothing has. */
export function failureFields(error: unknown, begun: boolean): Uint8Array {
  const { code, message } = statusOf(error);
  const status: Field[] = [["grpc-status", String(code)], ["grpc-message", escaped(shortened(message))]];
  return encodeHeaders(begun ? status : [...beginning, ...status]);
}

/** The fields that answer what is no call. */
export function refusalFields(status: Refusal): Uint8Array {
  return encodeHeaders([[":status", status]]);
}

/** The text travels in a header, which is limited; its end says the error's class. */
const longestText = 6000;

function shortened(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText - 1000)} ... ${text.slice(-900)}`;
}

/** Bytes that are not of ASCII's visible ones as %XX. */
function escaped(text: string): string {
  return text.toWellFormed().replaceAll(/[^ -$&-~]+/g, (part) => {
    const bytes = [...new TextEncoder().encode(part)];
    return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
  });
}
