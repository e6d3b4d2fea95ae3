/**
 * Names in an archive. A name is bytes, seldom invalid UTF-8, so here it is a string with one character
 * (0-255) a byte: nothing is lost, and ordinary string work stays possible.
 */
import { bytesToText } from "../sys/mod.ts";
import { invalidArgument } from "../errors.ts";

/** A string in which every character is one byte. */
export type ByteText = string;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The bytes from `start` up to a NUL or `end`. */
export function textField(bytes: Uint8Array, start: number, end: number): ByteText {
  let stop = start;
  while (stop < end && bytes[stop] !== 0) stop++;
  return bytesToText(bytes, start, stop);
}

/** The bytes of a name. */
export function bytesOf(text: ByteText): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** A string of any kind, as its UTF-8 bytes. */
export const fromString = (text: string): ByteText => {
  const bytes = new TextEncoder().encode(text);
  return bytesToText(bytes, 0, bytes.length);
};

/** A name as a message shows it: quoted, cut when very long, bytes that aren't UTF-8 escaped. */
export function quote(name: ByteText): string {
  const shown = name.length > 200 ? name.slice(0, 200) : name;
  const tail = name.length > 200 ? `... (${name.length} bytes)` : "";
  try {
    return JSON.stringify(utf8.decode(bytesOf(shown))) + tail;
  } catch {
    return '"' + shown.replace(/[^ -~]/g, (c) => "\\x" + c.charCodeAt(0).toString(16).padStart(2, "0")) +
      '"' + tail;
  }
}

const unclean = /(?:^|\/)(?:\.{0,2})(?:\/|$)/;

/**
 * A name without "", "." and ".." components and without slashes at its ends; "" for the root itself. A name
 * that starts with a slash is one under the root, as every unpacker has it. One that climbs above the root is
 * refused: no honest archive holds it.
 */
export function cleanName(name: ByteText, what = "name"): ByteText {
  if (!unclean.test(name)) return name;
  // As GNU tar writes all names of "tar -C DIR .".
  if (name.startsWith("./") && !unclean.test(name.slice(2))) return name.slice(2);
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) {
      throw invalidArgument(`${what} ${quote(name)} leads out of the layer's root`);
    }
  }
  return parts.join("/");
}
