/** The program as a folder of JavaScript: main.js, the chunks it loads when needed, and the workers. */
import { join, relative } from "node:path";
import { joinChunks } from "./join.ts";

/** Where the bundle's entry points lie. */
export interface Bundle {
  main: string;
  workers: string[];
}

/** What the commands that people and programs run most load beside main.ts, at first and while they wait: see join.ts. */
const frequent: { first: string[]; later?: string[] }[] = [
  { first: ["version.ts"] },
  { first: ["containers/mod.ts", "containers/ls.ts"] },
  { first: ["images/mod.ts", "images/ls.ts"] },
  { first: ["tasks/mod.ts", "tasks/ls.ts"] },
  { first: ["tasks/mod.ts", "tasks/exec.ts"], later: ["tasks/stay.ts"] },
  { first: ["run/run.ts", "run/flags.ts"] },
];

/** Bundles main.ts and every *_worker.ts under lib/ into the directory `out`. */
export async function bundle(root: string, out: string): Promise<Bundle> {
  await Deno.remove(out, { recursive: true }).catch(() => {});
  const workers = (await filesBelow(join(root, "lib"))).filter((file) => file.endsWith("_worker.ts"));
  const entries = ["main.ts", ...workers.map((file) => relative(root, file))];
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--code-splitting", "--platform", "deno", "--outdir", out, ...entries],
    cwd: root,
  }).output();
  if (code !== 0) throw new Error(`deno bundle failed:\n${new TextDecoder().decode(stderr)}`);
  const bundled = workers.map((file) => join(out, relative(root, file).replace(/\.ts$/, ".js")));
  const commit = await commitOf(root);
  for (const file of await filesBelow(out)) {
    await sayRevision(file, commit);
    await pointAtWorkers(file, out, bundled);
    await giveRequire(file);
    await importLate(file);
  }
  await joinChunks(out, frequent, "lib/cli");
  return { main: join(out, "main.js"), workers: bundled };
}

/** The commit that is built; empty where git doesn't know. */
async function commitOf(root: string): Promise<string> {
  const git = new Deno.Command("git", { args: ["-C", root, "rev-parse", "HEAD"], stderr: "null" });
  return await git.output().then(
    ({ success, stdout }) => success ? new TextDecoder().decode(stdout).trim() : "",
    () => "",
  );
}

/** See lib/version.ts. */
async function sayRevision(file: string, commit: string): Promise<void> {
  const text = await Deno.readTextFile(file);
  const said = text.replace(/^var revision = "";$/m, `var revision = "${commit}";`);
  if (said !== text) await Deno.writeTextFile(file, said);
}

/** In the source a worker is named relative to the module that starts it; chunks lie elsewhere. */
async function pointAtWorkers(file: string, out: string, workers: string[]): Promise<void> {
  const text = await Deno.readTextFile(file);
  const pointed = text.replace(/new URL\("\.\/(\w+_worker)\.ts",\s*import\.meta\.url\)/g, (_, name) => {
    const worker = workers.find((path) => path.endsWith(`/${name}.js`));
    if (!worker) throw new Error(`${file} starts ${name}.ts, which is not under lib/`);
    return `new URL("./${relative(join(file, ".."), worker)}", import.meta.url)`;
  });
  if (/_worker\.ts"/.test(pointed)) {
    throw new Error(`${relative(out, file)} names a worker in an unknown way`);
  }
  if (pointed !== text) await Deno.writeTextFile(file, pointed);
}

/**
 * CommonJS packages (grpc-js) ask for node's modules by `require`. The chunk that answers is loaded by every
 * command, so the answer must cost nothing until it is asked for: node:module alone takes 15 ms to load.
 */
async function giveRequire(file: string): Promise<void> {
  const text = await Deno.readTextFile(file);
  const lazy = text.replace(
    /import \{ createRequire as (\w+) \} from "node:module";\s*var __require = \1\(import\.meta\.url\);/,
    "const __require = (name) => process.getBuiltinModule(name);",
  );
  if (/createRequire|Dynamic require of/.test(lazy.slice(0, 2000))) {
    throw new Error(`${file} answers require in an unknown way`);
  }
  if (lazy !== text) await Deno.writeTextFile(file, lazy);
}

/**
 * Deno reads every file that an `import("...")` names before it runs the first: all commands, gRPC and the
 * daemon. One that it can't foresee is read when it is needed.
 */
async function importLate(file: string): Promise<void> {
  const text = await Deno.readTextFile(file);
  const late = text.replace(/\bimport\("(\.{1,2}\/[^"]+)"\)/g, 'importLate("$1")');
  if (late !== text) {
    // Asking for what is there again takes Deno nearly as long as the first time.
    const once = "const asked = {};\nconst importLate = (path) => asked[path] ??= import(path);\n";
    await Deno.writeTextFile(file, once + late);
  }
}

async function filesBelow(dir: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(dir)) {
    const path = join(dir, entry.name);
    if (entry.isDirectory) files.push(...await filesBelow(path));
    else files.push(path);
  }
  return files.sort();
}
