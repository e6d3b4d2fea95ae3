/**
 * The small files of a cgroup.
 *
 * They are read synchronously: a kernel's answer from memory takes some 10 us, a thread's hand-over more.
 * A file that isn't there (a kernel without it, a controller that is off) has nothing to tell, which is no error.
 */

/** A version 2 limit of "max", in the message. */
export const unlimited = 0xffff_ffff_ffff_ffffn;

const none = new Map<string, bigint>();

/** The contents of a file; undefined if there is none, or its cgroup is being removed. */
export function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    // ENODEV: the cgroup is gone; EOPNOTSUPP: pressure is not counted on this host.
    if (error instanceof Deno.errors.NotFound || /\bos error (19|95)\b/.test(String(error))) return undefined;
    throw error;
  }
}

/** A file with one number in it; 0 for none, for a negative one and for what is none, `max` for "max". */
export function readNumber(path: string, max = 0n): bigint {
  const text = readText(path)?.trim();
  return text === "max" ? max : parseNumber(text);
}

/** A count as the kernel writes it; 0 for anything else. */
export function parseNumber(text: string | undefined): bigint {
  return text !== undefined && /^\d{1,20}$/.test(text) ? BigInt.asUintN(64, BigInt(text)) : 0n;
}

/** The lines of a file, split at blanks. */
export function readLines(path: string): string[][] {
  return (readText(path) ?? "").split("\n").filter((line) => line.trim()).map((line) =>
    line.trim().split(/\s+/)
  );
}

/** A file of lines `name number`. Gives 0 for names that aren't in it. */
export function readCounts(path: string): (name: string) => bigint {
  const lines = readLines(path).filter((words) => words.length === 2);
  const counts = lines.length ? new Map(lines.map(([name, value]) => [name!, parseNumber(value)])) : none;
  return (name) => counts.get(name) ?? 0n;
}

/** Page sizes that this host has huge pages of, as the files of a cgroup name them: "2MB", "1GB". */
export function hugePageSizes(dir = "/sys/kernel/mm/hugepages"): string[] {
  try {
    return [...Deno.readDirSync(dir)].flatMap(({ name }) => {
      const kibibytes = /^hugepages-(\d+)kB$/.exec(name)?.[1];
      return kibibytes ? [Number(kibibytes)] : [];
    }).sort((a, b) => a - b).map(pageSize);
  } catch {
    return [];
  }
}

function pageSize(kibibytes: number): string {
  let size = kibibytes;
  let unit = 0;
  for (; size >= 1024 && unit < 2; unit++) size /= 1024;
  return `${size}${["KB", "MB", "GB"][unit]}`;
}
