import assert from "node:assert/strict";

/**
 * The rooms of lib/, lowest first: a room imports only rooms of a lower floor. What is loaded when needed
 * (`await import`) counts too, but for the doors named in `doors`.
 */
const floors: string[][] = [
  ["api", "duration.ts", "errors.ts", "fault.ts", "labels.ts", "scope.ts", "version.ts"],
  ["id_mappings.ts"],
  ["sys"],
  ["rpc", "filters"],
  ["cgroups"],
  ["content", "snapshots", "archive", "remotes", "oci", "cni"],
  ["events", "shim"],
  ["metadata"],
  ["images", "mounts"],
  ["push", "image_archive"],
  ["transfer", "runtime", "client"],
  ["services"],
  ["daemon"],
  ["cli"],
];

const lib = new URL("../../../lib/", import.meta.url).pathname;
const floorOf = (room: string) => floors.findIndex((rooms) => rooms.includes(room));

interface Import {
  file: string;
  from: string;
  to: string;
  target: string;
}

Deno.test("rooms import only rooms below them", () => {
  const wrong = imports().filter(({ from, to }) => from !== to && floorOf(from) <= floorOf(to));
  assert.deepEqual(wrong.map(({ file, target }) => `${file} imports ${target}`), []);
});

Deno.test("every room of lib/ has a floor", () => {
  const rooms = [...Deno.readDirSync(lib)].map((entry) => entry.name);
  assert.deepEqual(rooms.filter((room) => floorOf(room) === -1), []);
});

Deno.test("rooms import each other's faces, not their insides", () => {
  // api has a face for all of it, which is heavy; rpc's transports are loaded one by one, and a command of the
  // CLI loads only the part of the client that it needs, and of libc what makes FIFOs.
  const open = ["api", "rpc", "client"];
  const wrong = imports().filter(({ from, to, target }) =>
    from !== to && !open.includes(to) && target !== "sys/fifo.ts" && target.includes("/") &&
    !target.endsWith("/mod.ts")
  );
  assert.deepEqual(wrong.map(({ file, target }) => `${file} imports ${target}`), []);
});

Deno.test("the shim loads no gRPC, no service, no metadata", () => {
  const seen = reach("shim/mod.ts");
  assert.deepEqual([...seen].filter((file) => /^(rpc\/grpc|services|metadata|client)/.test(file)), []);
});

function imports(): Import[] {
  return sources("").flatMap((file) =>
    importsOf(file).map((target) => ({ file, target, from: file.split("/")[0]!, to: target.split("/")[0]! }))
  );
}

function importsOf(file: string): string[] {
  const text = Deno.readTextFileSync(lib + file);
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)]
    .map((match) => new URL(match[1]!, `file://${lib}${file}`).pathname)
    .filter((path) => path.startsWith(lib))
    .map((path) => path.slice(lib.length));
}

function reach(start: string, seen = new Set<string>()): Set<string> {
  if (seen.has(start)) return seen;
  seen.add(start);
  for (const target of importsOf(start)) reach(target, seen);
  return seen;
}

function sources(dir: string): string[] {
  return [...Deno.readDirSync(lib + dir)].flatMap((entry) => {
    const path = dir ? `${dir}/${entry.name}` : entry.name;
    if (entry.isDirectory) return path === "api" ? [] : sources(path);
    return path.endsWith(".ts") ? [path] : [];
  });
}
