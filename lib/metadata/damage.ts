/**
 * Looks at the metadata file before it is opened. Deno KV can't be asked: it makes a missing or an empty file
 * anew without a word, and ends the process over a damaged page. So SQLite itself reads the file first, and what
 * is kept beside it tells whether a file without records is new or has lost them.
 */
import { DatabaseSync } from "node:sqlite";
import { Code, CtrError, messageOf } from "../errors.ts";

/** What is wrong with the metadata file at `path`, in words; undefined if nothing is, or if none was made yet. */
export async function damageOf(path: string): Promise<string | undefined> {
  if (!await sizeOf(path)) {
    return await hasKept(path)
      ? "it is missing or empty, while there are blobs or snapshots beside it"
      : undefined;
  }
  try {
    using file = new DatabaseSync(path, { readOnly: true });
    const rows = file.prepare("PRAGMA quick_check(1)").all();
    const answer = String(rows[0]?.quick_check ?? "no answer");
    if (answer === "ok") return undefined;
    return `it is damaged (${answer.replace(/^\*\*\* in database main \*\*\*\s*/, "")})`;
  } catch (error) {
    return `it is damaged (${messageOf(error)})`;
  }
}

/**
 * Whether there is something below the root of the metadata file `path` that its records must tell of: blobs, or
 * directories of snapshots.
 */
export async function hasKept(path: string): Promise<boolean> {
  const root = path.slice(0, path.lastIndexOf("/"));
  return await hasGrandchild(`${root}/content/blobs`) || await hasGrandchild(`${root}/snapshots`);
}

/** The error for a metadata file that can't be used, with what to do about it. */
export function unusable(path: string, why: string, cause?: unknown): CtrError {
  const root = path.slice(0, path.lastIndexOf("/"));
  return new CtrError(
    Code.DataLoss,
    `metadata ${path} can't be used: ${why}. Nothing was changed. Put a good copy in its place, or make its ` +
      `records anew from the blobs: ctr doctor --rebuild --root ${root}`,
    { cause },
  );
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

async function hasGrandchild(path: string): Promise<boolean> {
  for (const name of await names(path)) if ((await names(`${path}/${name}`)).length) return true;
  return false;
}

async function names(path: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name)
      // What a removal left, and what was set aside by a rebuild, has no records.
      .filter((name) => !name.startsWith("rm-") && !name.includes(".lost-"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return [];
    throw error;
  }
}
