/** Resource limits as people write them: `nofile=1024:4096`. Source: getrlimit(2). */
import { invalidArgument } from "../errors.ts";

const types =
  ("AS CORE CPU DATA FSIZE LOCKS MEMLOCK MSGQUEUE NICE NOFILE NPROC RSS RTPRIO RTTIME SIGPENDING STACK")
    .split(" ");
const infinity = 2n ** 64n - 1n;

/** A limit as the runtime spec has it; numbers beyond JavaScript's are kept as they must be written. */
export interface Rlimit {
  type: string;
  soft: number;
  hard: number;
}

/** `TYPE=SOFT[:HARD]`; types with or without `RLIMIT_`, in any case. Throws InvalidArgument. */
export function parseRlimit(text: string): Rlimit {
  const [, name, values] = /^([A-Za-z_]+)=(.*)$/.exec(text) ?? [];
  if (!name) throw invalidArgument(`resource limit ${JSON.stringify(text)}: write TYPE=SOFT:HARD`);
  const short = name.toUpperCase().replace(/^RLIMIT_/, "");
  if (!types.includes(short)) {
    throw invalidArgument(
      `resource limit ${JSON.stringify(text)}: no type ${name} (${types.join(", ").toLowerCase()})`,
    );
  }
  return { type: `RLIMIT_${short}`, ...parseLimits(values!) };
}

/** `SOFT[:HARD]`, whole numbers or `unlimited`. Throws InvalidArgument. */
export function parseLimits(text: string): { soft: number; hard: number } {
  const [soft = "", hard = soft, ...rest] = text.split(":");
  const [low, high] = [limitOf(soft), limitOf(hard)];
  if (rest.length || low === undefined || high === undefined) {
    throw invalidArgument(`limit ${JSON.stringify(text)}: write SOFT:HARD, whole numbers or "unlimited"`);
  }
  if (low > high) throw invalidArgument(`limit ${JSON.stringify(text)}: the soft one is above the hard one`);
  return { soft: exact(low), hard: exact(high) };
}

function limitOf(text: string): bigint | undefined {
  if (text === "unlimited" || text === "-1") return infinity;
  if (!/^\d{1,20}$/.test(text)) return undefined;
  const limit = BigInt(text);
  return limit <= infinity ? limit : undefined;
}

/** A number that JSON.stringify writes in full. */
function exact(limit: bigint): number {
  const number = Number(limit);
  return (Number.isSafeInteger(number) ? number : rawJson(String(limit))) as number;
}

// TypeScript's library doesn't know it yet (ECMAScript 2026).
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;
