/** A small tar writer for tests: it writes what it is told, also what no sane tool would. */

/** One entry. Names have one character a byte. */
export interface TarItem {
  name: string;
  /** Type flag; "0" (a file) if absent. */
  type?: string;
  body?: Uint8Array | string;
  linkName?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  device?: { major: number; minor: number };
  /** Records of an extended header before the entry. */
  pax?: Record<string, string>;
  /** "gnu" writes names over 100 bytes as GNU does, "pax" (the default) as POSIX does. */
  dialect?: "pax" | "gnu";
  /** Overrides the size in the header. */
  size?: number;
  /** Changes the finished header before its checksum is made. */
  patch?: (header: Uint8Array) => void;
}

const latin1 = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));
const ended = (parts: Uint8Array[]) => [...parts, new Uint8Array(1024)];

/** An archive of the items, with the zero blocks at its end unless `end` is "none". */
export function makeTar(items: TarItem[], { end = "blocks" }: { end?: "blocks" | "none" } = {}) {
  const parts = items.flatMap(itemBlocks);
  return concat(end === "blocks" ? ended(parts) : parts);
}

/** All parts in one array. */
export function concat(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function itemBlocks(item: TarItem): Uint8Array[] {
  const body = typeof item.body === "string" ? latin1(item.body) : item.body ?? new Uint8Array();
  const pax = { ...item.pax };
  const before: Uint8Array[] = [];
  const gnu = item.dialect === "gnu";
  for (
    const [text, key, type] of [[item.name, "path", "L"], [item.linkName ?? "", "linkpath", "K"]] as const
  ) {
    if (text.length <= 100) continue;
    if (gnu) before.push(...plain("././@LongLink", type, latin1(text + "\0"), true));
    else pax[key] = text;
  }
  if (Object.keys(pax).length) before.push(...plain("PaxHeaders/x", "x", paxData(pax), false));
  return [...before, header({ ...item, size: item.size ?? body.length }, gnu), body, padding(body.length)];
}

/** The bytes of pax records. */
export function paxData(records: Record<string, string>): Uint8Array {
  return latin1(Object.entries(records).map(([key, value]) => paxRecord(key, value)).join(""));
}

function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return length + rest;
}

function plain(name: string, type: string, body: Uint8Array, gnu: boolean): Uint8Array[] {
  return [header({ name, type, size: body.length, mode: 0o644 }, gnu), body, padding(body.length)];
}

export const padding = (size: number) => new Uint8Array((512 - size % 512) % 512);

function header(item: TarItem, gnu: boolean): Uint8Array {
  const block = new Uint8Array(512);
  block.set(latin1(item.name).subarray(0, 100), 0);
  number(block, 100, 8, item.mode ?? 0o644);
  number(block, 108, 8, item.uid ?? 0);
  number(block, 116, 8, item.gid ?? 0);
  number(block, 124, 12, item.size ?? 0);
  number(block, 136, 12, item.mtime ?? 1_500_000_000);
  block[156] = (item.type ?? "0").charCodeAt(0);
  block.set(latin1(item.linkName ?? "").subarray(0, 100), 157);
  block.set(latin1(gnu ? "ustar  \0" : "ustar\x0000"), 257);
  number(block, 329, 8, item.device?.major ?? 0);
  number(block, 337, 8, item.device?.minor ?? 0);
  item.patch?.(block);
  block.fill(32, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.set(latin1(sum.toString(8).padStart(6, "0") + "\0 "), 148);
  return block;
}

/** Octal, or base 256 where that is too short. */
function number(block: Uint8Array, at: number, length: number, value: number) {
  const octal = value.toString(8);
  if (value >= 0 && octal.length < length) {
    block.set(latin1(octal.padStart(length - 1, "0")), at);
    return;
  }
  let rest = BigInt(value);
  for (let i = at + length - 1; i >= at; i--, rest >>= 8n) block[i] = Number(rest & 0xffn);
  block[at]! |= 0x80;
}
