/**
 * Joins the chunks that frequent commands load together: reading, looking up and linking each of them takes Deno
 * about a third of a millisecond, and there are fifty in `ctr run`.
 *
 * Chunks that the same ones of these commands load become one file, so none of them loads what it does not run,
 * and each module still exists once, whoever loads it.
 */
import { dirname, join, posix } from "node:path";

/** A file that the bundler wrote. */
interface Chunk {
  /** Its path in the bundle. */
  readonly name: string;
  text: string;
  /** Paths of those it needs before it runs. */
  readonly imports: readonly string[];
  readonly exports: string[];
}

/** The source files of a command that main.ts loads for it: before it can begin, and when it has something to wait for. */
export interface Loaded {
  readonly first: readonly string[];
  readonly later?: readonly string[];
}

/** Where a chunk's exports are now. */
interface Place {
  readonly file: string;
  /** A chunk's export under the name that the joined file has for it. */
  readonly as: (name: string) => string;
}

/**
 * Up to so many bytes of code are loaded by commands that don't need them rather than in a file of their own: loading
 * one takes a millisecond, and what is in it twenty microseconds a KiB.
 */
const small = 16 << 10;

const staticImport = /^import (?:\{([^}]*)\} from )?"(\.[^"]+)";$/gm;
const lateImport = /\bimportLate\("(\.[^"]+)"\)/g;

/**
 * Joins in the bundle `out`, whose entry point is main.js, what frequent commands load; their source files are below
 * `dir` of the repository.
 */
export async function joinChunks(out: string, commands: readonly Loaded[], dir: string): Promise<void> {
  const chunks = await readChunks(out);
  takeStart(chunks.get("main.js")!);
  const groups = fold(group(chunks, commands, dir), chunks);
  const places = placesOf(groups);
  const temporary = await Deno.makeTempDir({ dir: dirname(out) });
  try {
    await bundleGroups(temporary, groups, chunks, places);
    for (const name of places.keys()) await Deno.remove(join(out, name));
    await Deno.writeTextFile(join(out, "main.js"), start);
    for (const n of groups.keys()) {
      await Deno.rename(join(temporary, "out", `entry-${n}.js`), join(out, fileOf(n)));
    }
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
  for (const chunk of chunks.values()) {
    if (places.has(chunk.name)) continue;
    await Deno.writeTextFile(join(out, chunk.name), redirect(chunk, chunks, places));
  }
}

const fileOf = (group: number) => `joined-${group}.js`;

/** Two chunks may export the same name: in the joined file it has the chunk's number behind it. */
function placesOf(groups: readonly string[][]): Map<string, Place> {
  const places = new Map<string, Place>();
  groups.forEach((members, n) =>
    members.forEach((name, m) => {
      const as = (exported: string) => exported === starting ? exported : `${exported}$${m}`;
      places.set(name, { file: fileOf(n), as });
    })
  );
  return places;
}

const starting = "startHere";
const start = `import { ${starting} } from "./${fileOf(0)}";\nDeno.exit(await ${starting}(Deno.args));\n`;

/**
 * What starts the program gets a file of its own, in place of main.js: modules that a command loads late may be
 * joined with the program's, and would wait for the end of what waits for them.
 */
function takeStart(main: Chunk): void {
  const [statement, name] =
    /^if \(import\.meta\.main\) Deno\.exit\(await (\w+)\(Deno\.args\)\);$/m.exec(main.text) ?? [];
  if (!statement) throw new Error("main.js starts the program in an unknown way");
  main.text = main.text.replace(statement, `export { ${name} as ${starting} };`);
  main.exports.push(starting);
}

async function readChunks(out: string, under = ""): Promise<Map<string, Chunk>> {
  const chunks = new Map<string, Chunk>();
  for await (const entry of Deno.readDir(join(out, under))) {
    const name = posix.join(under, entry.name);
    if (entry.isDirectory) { for (const [key, chunk] of await readChunks(out, name)) chunks.set(key, chunk); }
    else chunks.set(name, parse(name, await Deno.readTextFile(join(out, name))));
  }
  return chunks;
}

function parse(name: string, text: string): Chunk {
  const imports = [...text.matchAll(staticImport)].map(([, , path]) => resolve(name, path!));
  const exports = [...text.matchAll(/^export \{([^}]*)\};$/gm)].flatMap(([, names]) => listed(names!));
  return { name, text, imports, exports: exports.map(({ outer }) => outer) };
}

const resolve = (from: string, path: string) => posix.join(posix.dirname(from), path);

/** `a, b as c` */
function listed(names: string): { inner: string; outer: string }[] {
  return names.split(",").map((name) => name.trim()).filter(Boolean).map((name) => {
    const [inner = name, outer = inner] = name.split(" as ");
    return { inner, outer };
  });
}

/** Chunks that are loaded together. */
interface Group {
  readonly members: string[];
  /** Whether there is time to load it. */
  readonly later: boolean;
}

/**
 * Chunks by the commands that load them: first those that all do, among which is main.js. What a command loads later
 * counts as loaded at first where more commands do that.
 */
function group(chunks: Map<string, Chunk>, commands: readonly Loaded[], dir: string): Group[] {
  const chunksOf = (sources: readonly string[]) =>
    sources.map((source) => chunkOf(`${dir}/${source}`, chunks));
  const loads = commands.map(({ first, later = [] }) => {
    const needed = closure(["main.js", ...chunksOf(first)], chunks);
    return { needed, later: closure(chunksOf(later), chunks).difference(needed) };
  });
  const groups = Map.groupBy([...chunks.keys()], (name) => {
    const first = loads.filter(({ needed }) => needed.has(name));
    const later = loads.filter(({ later }) => later.has(name));
    const mark = later.length > 0 && later.length >= first.length ? "later " : "";
    return mark + loads.flatMap((load, n) => first.includes(load) || later.includes(load) ? [n] : []).join();
  });
  groups.delete("");
  return [...groups].sort(([a], [b]) => b.split(",").length - a.split(",").length)
    .map(([by, members]) => ({ members, later: by.startsWith("later") }));
}

/**
 * Moves groups too small for a file of their own to where all that they need is: into the first, or into one that they
 * load anyway. Those that are loaded later become one.
 */
function fold([first, ...rest]: Group[], chunks: Map<string, Chunk>): string[][] {
  const together = first?.members ?? [];
  const waiting: string[] = [];
  const files = [together, waiting];
  const lengthOf = (members: readonly string[]) =>
    members.reduce((sum, name) => sum + chunks.get(name)!.text.length, 0);
  for (const { members, later } of rest) {
    const needed = closure(members, chunks).difference(new Set([...together, ...members]));
    const home = later
      ? waiting
      : needed.size === 0
      ? together
      : files.find((file) => file !== waiting && needed.isSubsetOf(new Set(file)));
    if (home && lengthOf(members) < small) home.push(...members);
    else files.push(members);
  }
  return files.filter(({ length }) => length > 0);
}

function closure(names: readonly string[], chunks: Map<string, Chunk>): Set<string> {
  const found = new Set<string>();
  const visit = (name: string) => {
    if (found.has(name)) return;
    found.add(name);
    chunks.get(name)!.imports.forEach(visit);
  };
  names.forEach(visit);
  return found;
}

/** The chunk that `import("<source>")` loads: it has the source's name, and its code. */
function chunkOf(source: string, chunks: Map<string, Chunk>): string {
  const base = posix.basename(source, ".ts");
  const found = [...chunks.values()].filter(({ name, text }) =>
    name.replace(/-\w{8}\.js$/, "") === base && text.includes(`\n// ${source}\n`)
  );
  if (found.length !== 1) throw new Error(`${found.length} chunks look like the one of ${source}`);
  return found[0]!.name;
}

/** Bundles each group into one file `out/entry-<n>.js`, which leaves the other groups' files outside. */
async function bundleGroups(
  dir: string,
  groups: readonly string[][],
  chunks: Map<string, Chunk>,
  places: Map<string, Place>,
): Promise<void> {
  for (const name of places.keys()) {
    await Deno.writeTextFile(join(dir, name), redirect(chunks.get(name)!, chunks, places));
  }
  const entries = await Promise.all(groups.map(async (members, n) => {
    const lines = members.map((name) => {
      const as = chunks.get(name)!.exports.map((exported) =>
        `${exported} as ${places.get(name)!.as(exported)}`
      );
      return `import "./${name}";\nexport { ${as.join(", ")} } from "./${name}";\n`;
    });
    await Deno.writeTextFile(join(dir, `entry-${n}.js`), lines.join(""));
    return `entry-${n}.js`;
  }));
  // Not --minify: it puts the value of a `using` declaration where it is used, and nobody disposes of it.
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "deno", "--outdir", "out", ...entries]
      .concat(groups.map((_, n) => `--external=./${fileOf(n)}`)),
    cwd: dir,
  }).output();
  if (code !== 0) throw new Error(`deno bundle failed:\n${new TextDecoder().decode(stderr)}`);
}

/** A chunk's text with its imports pointing at where things are now. */
function redirect(chunk: Chunk, chunks: Map<string, Chunk>, places: Map<string, Place>): string {
  const here = places.get(chunk.name)?.file;
  const pathTo = (file: string) => {
    const path = posix.relative(posix.dirname(chunk.name), file);
    return path.startsWith(".") ? path : `./${path}`;
  };
  const added: string[] = [];
  const text = chunk.text.replace(staticImport, (line, names: string | undefined, path: string) => {
    const place = places.get(resolve(chunk.name, path));
    if (!place || place.file === here) return line;
    const list = listed(names ?? "").map(({ inner, outer }) => `${place.as(inner)} as ${outer}`);
    return list.length
      ? `import { ${list.join(", ")} } from "${pathTo(place.file)}";`
      : `import "${pathTo(place.file)}";`;
  }).replace(lateImport, (call, path: string) => {
    const name = resolve(chunk.name, path);
    const place = places.get(name);
    if (!place) return call;
    if (place.file === here) {
      added.push(`import * as late${added.length} from "./${name}";\n`);
      return `Promise.resolve(late${added.length - 1})`;
    }
    const members = chunks.get(name)!.exports.map((exported) => `${exported}: all.${place.as(exported)}`);
    return `importLate("${pathTo(place.file)}").then((all) => ({ ${members.join(", ")} }))`;
  });
  return added.join("") + text;
}
