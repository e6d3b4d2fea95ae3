/**
 * What Deno keeps of the program compiled, where the self-contained file has it in a folder of its own (DENO_DIR).
 *
 * Deno keeps it in SQLite databases, and ends without closing them: what the first run of a command has written
 * stays in their logs, which every later start reads from end to end before it looks anything up. Three
 * milliseconds of each command are saved by moving it where it belongs, once.
 */

let tidied: Promise<void> | undefined;

/**
 * Empties the logs, if there is something in them; who can't leaves it to the next command. Done once, before the end
 * by a command that has to wait anyway.
 */
export function tidyCompiled(): Promise<void> {
  return tidied ??= tidy();
}

async function tidy(): Promise<void> {
  const dir = Deno.env.get("DENO_DIR");
  if (!dir || !Deno.env.has("CTR_EXECUTABLE")) return;
  try {
    const full = [...Deno.readDirSync(dir)].filter(({ name }) =>
      name.endsWith(suffix) && lengthOf(`${dir}/${name}`) > 0
    );
    if (full.length === 0) return;
    const { DatabaseSync } = await import("node:sqlite");
    for (const { name } of full) {
      using database = new DatabaseSync(`${dir}/${name.slice(0, -suffix.length)}`);
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    }
  } catch {
    // Another command is at it, or may not write here.
  }
}

const suffix = "-wal";

/** Not by stat: for its dates Deno reads the time zone. */
function lengthOf(path: string): number {
  using file = Deno.openSync(path);
  return file.seekSync(0, Deno.SeekMode.End);
}
