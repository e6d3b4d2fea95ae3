import assert from "node:assert/strict";

/** What a simple command loads: main.ts, and the module of the command with its group. */
const simple = {
  version: ["version.ts"],
  "images ls": ["images/mod.ts", "images/ls.ts"],
  "images check": ["images/mod.ts", "images/check.ts"],
  "containers ls": ["containers/mod.ts", "containers/ls.ts"],
  "containers info": ["containers/mod.ts", "containers/info.ts"],
  "content ls": ["content/mod.ts", "content/ls.ts"],
  "content get": ["content/mod.ts", "content/get.ts"],
  "content ingest": ["content/mod.ts", "content/ingest.ts"],
  "namespaces ls": ["namespaces/mod.ts", "namespaces/ls.ts"],
  "snapshots ls": ["snapshots/mod.ts", "snapshots/ls.ts"],
  "leases ls": ["leases/mod.ts", "leases/ls.ts"],
  "plugins ls": ["plugins/mod.ts", "plugins/ls.ts"],
  "tasks ls": ["tasks/mod.ts", "tasks/ls.ts"],
  "tasks kill": ["tasks/mod.ts", "tasks/kill.ts"],
  "tasks metrics": ["tasks/mod.ts", "tasks/metrics.ts"],
};

const root = new URL("../../../", import.meta.url);

for (const [command, files] of Object.entries(simple)) {
  Deno.test(`ctr ${command} loads nothing that is slow to load`, () => {
    const modules = new Set<string>();
    for (const file of ["main.ts", ...files.map((name) => `lib/cli/${name}`)]) {
      walk(new URL(file, root).href, modules);
    }
    assert.ok(modules.size > 10, "the walk has found the modules");
    assert.deepEqual([...modules].filter((name) => /^(node|npm):|grpc/.test(name) && !allowed.has(name)), []);
    for (const name of modules) assert.deepEqual(slowNames(name), [], name);
  });
}

/** The protobuf reader and writer, which all codecs are made of. */
const allowed = new Set(["@bufbuild/protobuf/wire"]);

/** Follows static imports; types alone load nothing. */
function walk(url: string, seen: Set<string>): void {
  if (seen.has(url)) return;
  seen.add(url);
  const source = Deno.readTextFileSync(new URL(url));
  for (const [, clause, target] of source.matchAll(/^(?:import|export)\s+([^"';]*?from\s+)?"([^"]+)";/gm)) {
    if (/^type\s/.test(clause ?? "")) continue;
    if (target!.startsWith(".")) walk(new URL(target!, url).href, seen);
    else if (!allowed.has(target!)) seen.add(`npm:${target}`);
  }
}

/** Names of globals that take Deno milliseconds to make when first used at a module's top level. */
function slowNames(url: string): string[] {
  if (!url.startsWith("file:") || url.includes("/lib/api/")) return [];
  const source = Deno.readTextFileSync(new URL(url)).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
  return [...source.matchAll(/\b(process\.\w|Buffer\.\w|setTimeout\(|setInterval\(|Intl\.|fetch\()/g)].map((
    [name],
  ) => name);
}
