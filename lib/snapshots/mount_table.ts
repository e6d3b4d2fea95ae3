/** What is mounted where (proc_pid_mountinfo(5)). */

/** A mounted file system. */
export interface MountEntry {
  readonly target: string;
  /** btrfs, ext4, ... */
  readonly type: string;
  /** A device, or what stands for one. */
  readonly source: string;
}

/** The file system that an existing path is on, as it was mounted. */
export async function mountOf(path: string): Promise<MountEntry> {
  const real = await Deno.realPath(path);
  const table = await Deno.readTextFile("/proc/self/mountinfo");
  const above = table.split("\n").filter((line) => line).map(parse)
    .filter(({ target }) => target === "/" || target === real || real.startsWith(target + "/"));
  // The longest is the nearest; of several on one place the last covers the others.
  return above.reduce((found, entry) => entry.target.length >= found.target.length ? entry : found);
}

function parse(line: string): MountEntry {
  const fields = line.split(" ");
  const rest = fields.indexOf("-");
  return {
    target: unescape(fields[4]!),
    type: fields[rest + 1]!,
    source: unescape(fields[rest + 2]!),
  };
}

const unescape = (field: string) =>
  field.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
