/** Header fields as HTTP/2 packs them. Source: RFC 7541. */
import { ConnectionError, ErrorCode } from "./frame.ts";
import { decodeHuffman } from "./huffman.ts";

/** A name, in lower case, and its value. */
export type Field = readonly [name: string, value: string];

/** What both sides know from the start, from index 1 on. Source: RFC 7541, appendix A. */
const staticTable: readonly Field[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  ...["200", "204", "206", "304", "400", "404", "500"].map((status) => [":status", status] as const),
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ...`accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control
    content-disposition content-encoding content-language content-length content-location content-range content-type
    cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since
    last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after
    server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate`
    .split(/\s+/).map((name) => [name, ""] as const),
];

/** What an entry of a table counts beside its name and value. */
const overhead = 32;

/** How much a peer may have us remember, unless both have agreed on another size. */
const defaultTableSize = 4096;

/** One character a byte, so that texts count as their bytes do. */
const latin1 = new TextDecoder("latin1");

/** Reads header blocks of one connection, in their order. Throws {@linkcode ConnectionError} for what is none. */
export class HeaderDecoder {
  /** The newest first. */
  readonly #table: Field[] = [];
  readonly #longest: number;
  #size = 0;
  #limit = defaultTableSize;

  /** `longest`: how much the fields of one block may count together; what is more is not kept. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** The fields of a block; undefined if they are too many. */
  decode(block: Uint8Array): Field[] | undefined {
    const input = new Input(block);
    const fields: Field[] = [];
    let left = this.#longest;
    while (!input.done) {
      const field = this.#next(input);
      if (!field) continue;
      left -= sizeOf(field);
      if (left >= 0) fields.push(field);
    }
    return left < 0 ? undefined : fields;
  }

  #next(input: Input): Field | undefined {
    const first = input.peek();
    if (first & 0x80) return this.#at(input.number(7));
    if (first & 0x40) return this.#remember(this.#literal(input, 6));
    if (first & 0x20) this.#resize(input.number(5));
    else return this.#literal(input, 4);
  }

  #literal(input: Input, bits: number): Field {
    const index = input.number(bits);
    const name = index ? this.#at(index)[0] : input.text();
    return [name, input.text()];
  }

  #at(index: number): Field {
    const field = index <= staticTable.length
      ? staticTable[index - 1]
      : this.#table[index - staticTable.length - 1];
    if (!field) throw broken(`no field has the index ${index}`);
    return field;
  }

  #remember(field: Field): Field {
    this.#table.unshift(field);
    this.#size += sizeOf(field);
    this.#evict();
    return field;
  }

  #resize(size: number): void {
    if (size > defaultTableSize) throw broken(`a table of ${size} bytes`);
    this.#limit = size;
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#limit) this.#size -= sizeOf(this.#table.pop()!);
  }
}

/** A block of fields that the other side need not remember: small, and the same at any time. */
export function encodeHeaders(fields: readonly Field[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(fields.flatMap(([name, value]) => [0, ...textBytes(name), ...textBytes(value)]));
}

const ascii = new TextEncoder();

function textBytes(text: string): number[] {
  const bytes = ascii.encode(text);
  return [...numberBytes(bytes.length, 7), ...bytes];
}

/** A number that begins in the last `bits` of a byte, whose others are 0. Source: RFC 7541, 5.1. */
function numberBytes(value: number, bits: number): number[] {
  const most = (1 << bits) - 1;
  if (value < most) return [value];
  const bytes = [most];
  for (value -= most; value >= 0x80; value >>>= 7) bytes.push(value & 0x7f | 0x80);
  return [...bytes, value];
}

class Input {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  peek(): number {
    if (this.done) throw broken("a block that ends within a field");
    return this.#bytes[this.#at]!;
  }

  number(bits: number): number {
    const most = (1 << bits) - 1;
    let value = this.peek() & most;
    this.#at++;
    if (value < most) return value;
    for (let shift = 0;; shift += 7) {
      if (shift > 21) throw broken("a number of too many bytes");
      const byte = this.peek();
      this.#at++;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  text(): string {
    const coded = this.peek() & 0x80;
    const length = this.number(7);
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    if (bytes.length < length) throw broken("a block that ends within a text");
    this.#at += length;
    return latin1.decode(coded ? decodeHuffman(bytes) : bytes);
  }
}

function sizeOf([name, value]: Field): number {
  return name.length + value.length + overhead;
}

const broken = (what: string) => new ConnectionError(ErrorCode.CompressionError, what);
