/**
 * A tar reader that is pushed: it takes an archive in pieces of any size and tells a sink of the entries. One
 * pass, no look-ahead, and memory only for one header and its extensions, each of which is limited to 1 MiB.
 *
 * Where dialects leave a choice it reads as Go's archive/tar does, which all registries' layers were made for:
 * global pax headers change nothing, two zero blocks end the archive and whatever follows is ignored, an archive
 * may stop right after its last body.
 */
import { invalidArgument } from "../errors.ts";
import type { Entry, EntrySink, Extent } from "./entry.ts";
import {
  BLOCK,
  type ExtensionHeader,
  type Header,
  isZeroBlock,
  parseExtensionHeader,
  parseHeader,
  typeOfHeader,
} from "./header.ts";
import { buildEntry, type Extensions } from "./build_entry.ts";
import { quote, textField } from "./names.ts";
import { parsePax, paxChanges } from "./pax.ts";
import { checkExtents, MapCollector, oldExtents, oldSparse, paddingOf } from "./sparse.ts";

/** The most that one extended header or long name may hold; Go has the same limit. */
export const EXTENSION_LIMIT = 1 << 20;

type State = "header" | "extension" | "oldMap" | "map" | "body" | "padding" | "ended";

/** Reads one archive. Call `push` with every piece, then `finish`. */
export class TarReader {
  readonly #sink: EntrySink;
  #state: State = "header";
  /** Bytes of the block, extension or body that are still to come. */
  #left = BLOCK;
  #block = new Uint8Array(BLOCK);
  #zeroBlock = false;

  #extension: ExtensionHeader | undefined;
  /** Memory for one that comes in pieces, kept for the next. */
  #pieces = new Uint8Array(0);
  #pending: Extensions = {};

  #entry: Entry | undefined;
  #stored = 0;
  #map = new MapCollector();
  /** Where the next byte of the body belongs, and which extent that is. */
  #offset = 0;
  #extent = 0;
  #padding = 0;

  constructor(sink: EntrySink) {
    this.#sink = sink;
  }

  /** Whether the two zero blocks at an archive's end have come. */
  get ended(): boolean {
    return this.#state === "ended";
  }

  /** Reads the next `length` bytes of the archive. Throws InvalidArgument for what isn't tar. */
  push(chunk: Uint8Array<ArrayBuffer>, length = chunk.length): void {
    for (let at = 0; at < length && this.#state !== "ended";) {
      const n = Math.min(this.#left, length - at);
      if (this.#state === "body") this.#body(chunk, at, at + n);
      else if (this.#state === "extension") this.#takeExtension(chunk, at, n);
      else if (this.#state !== "padding") {
        const whole = n === BLOCK;
        if (!whole) this.#block.set(chunk.subarray(at, at + n), BLOCK - this.#left);
        if (this.#left === n) this.#takeBlock(whole ? chunk : this.#block, whole ? at : 0);
        else this.#left -= n;
        at += n;
        continue;
      }
      at += n;
      this.#left -= n;
      if (this.#left === 0) this.#advance();
    }
  }

  /** Says that the archive is over. Throws InvalidArgument if that is in the middle of something. */
  finish(): void {
    const inHeader = this.#state === "header" && this.#left === BLOCK;
    if (inHeader || this.#state === "padding" || this.#state === "ended") return;
    const what = this.#entry ? `entry ${quote(this.#entry.name)}` : "a header";
    throw invalidArgument(`tar archive ends in the middle of ${what}: unexpected end of file`);
  }

  /** A whole block: a header, or a part of a sparse map. */
  #takeBlock(block: Uint8Array, at: number) {
    this.#left = BLOCK;
    if (this.#state === "header") this.#header(block, at);
    else if (this.#state === "oldMap") this.#oldMapBlock(block, at);
    else this.#mapBlock(block, at);
  }

  #header(block: Uint8Array, at: number) {
    if (isZeroBlock(block, at)) {
      if (this.#zeroBlock) this.#state = "ended";
      this.#zeroBlock = true;
      return;
    }
    if (this.#zeroBlock) throw invalidArgument("tar archive: a lone zero block before another header");
    if ("xgLK".includes(typeOfHeader(block, at))) {
      this.#beginExtension(parseExtensionHeader(block, at));
    } else this.#beginEntry(parseHeader(block, at), block, at);
  }

  #beginExtension(header: ExtensionHeader) {
    if (header.size > EXTENSION_LIMIT) {
      throw invalidArgument(`tar extended header of ${header.size} bytes: the limit is ${EXTENSION_LIMIT}`);
    }
    this.#extension = header;
    if (header.size === 0) this.#readExtension(this.#pieces, 0, 0);
    this.#begin("extension", header.size);
  }

  /** The next bytes of an extension, which is read when it is whole: in place, if it came in one piece. */
  #takeExtension(chunk: Uint8Array, at: number, n: number) {
    const { size } = this.#extension!;
    if (n === size) return this.#readExtension(chunk, at, at + n);
    if (this.#pieces.length < size) this.#pieces = new Uint8Array(size);
    this.#pieces.set(chunk.subarray(at, at + n), size - this.#left);
    if (n === this.#left) this.#readExtension(this.#pieces, 0, size);
  }

  /** Takes note of an extension. */
  #readExtension(data: Uint8Array, start: number, end: number) {
    const { type } = this.#extension!;
    if (type === "L") this.#pending.longName = textField(data, start, end);
    else if (type === "K") this.#pending.longLink = textField(data, start, end);
    else {
      // A global header has to be well-formed, and means nothing here (see above).
      const changes = paxChanges(parsePax(data, start, end));
      if (type === "x") this.#pending.pax = changes;
    }
  }

  #beginEntry(header: Header, block: Uint8Array, at: number) {
    const { entry, stored, sparse } = buildEntry(header, this.#pending);
    this.#pending = {};
    this.#entry = entry;
    this.#stored = stored;
    this.#padding = paddingOf(stored);
    if (sparse === "old") this.#beginOldMap(entry, block, at);
    else if (sparse === "map") {
      this.#map = new MapCollector();
      this.#state = "map";
      if (stored < BLOCK) throw invalidArgument(`tar sparse file ${quote(entry.name)} without its map`);
    } else this.#beginBody(entry.extents);
  }

  #beginOldMap(entry: Entry, block: Uint8Array, at: number) {
    entry.extents = oldExtents(block, at + oldSparse.map, oldSparse.slots);
    if (block[at + oldSparse.more]) this.#state = "oldMap";
    else this.#beginBody(entry.extents);
  }

  #oldMapBlock(block: Uint8Array, at: number) {
    const entry = this.#entry!;
    entry.extents!.push(...oldExtents(block, at, oldSparse.extensionSlots));
    if (entry.extents!.length > 1e5) {
      throw invalidArgument(`tar sparse map of ${quote(entry.name)}: too long`);
    }
    if (!block[at + oldSparse.extensionMore]) this.#beginBody(entry.extents);
  }

  #mapBlock(block: Uint8Array, at: number) {
    this.#stored -= BLOCK;
    const extents = this.#map.add(block, at);
    if (extents) this.#beginBody(extents);
    else if (this.#stored < BLOCK) {
      throw invalidArgument(`tar sparse map of ${quote(this.#entry!.name)}: longer than its file`);
    }
  }

  #beginBody(extents: Extent[] | undefined) {
    const entry = this.#entry!;
    if (extents) entry.extents = checkExtents(entry.name, extents, entry.size, this.#stored);
    this.#extent = 0;
    this.#offset = entry.extents?.[0]?.offset ?? 0;
    this.#sink.entry(entry);
    this.#begin("body", this.#stored);
  }

  /** Enters a state that takes `size` bytes; an empty one is over at once. */
  #begin(state: State, size: number) {
    this.#state = state;
    this.#left = size;
    if (size === 0) this.#advance();
  }

  #advance() {
    if (this.#state === "extension") {
      this.#begin("padding", paddingOf(this.#extension!.size));
    } else if (this.#state === "body") {
      this.#sink.end();
      this.#entry = undefined;
      this.#begin("padding", this.#padding);
    } else {
      this.#state = "header";
      this.#left = BLOCK;
    }
  }

  #body(chunk: Uint8Array<ArrayBuffer>, start: number, end: number) {
    const extents = this.#entry!.extents;
    if (!extents) {
      this.#sink.data(chunk, start, end, this.#offset);
      this.#offset += end - start;
      return;
    }
    while (start < end) {
      const { offset, length } = extents[this.#extent]!;
      const n = Math.min(end - start, offset + length - this.#offset);
      this.#sink.data(chunk, start, start + n, this.#offset);
      start += n;
      this.#offset += n;
      if (this.#offset === offset + length) this.#offset = extents[++this.#extent]?.offset ?? 0;
    }
  }
}
