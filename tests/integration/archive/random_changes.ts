/** Random work on a tree, as a container would do it: few names, so that changes replace, hide and undo each other. */
import { lchownSync, linkSync } from "node:fs";
import fc from "fast-check";
import { must } from "../../harness/mod.ts";
import { closeFd, openDirectory, setXattrAt, succeed } from "../../../lib/sys/mod.ts";

/** One thing done to a tree. Paths are from its root. */
export type Step =
  | { do: "write"; path: string; text: string }
  | { do: "mkdir" | "remove" | "empty" | "recreate" | "fifo"; path: string }
  | { do: "device"; path: string; major: number; minor: number }
  | { do: "chmod"; path: string; mode: number }
  | { do: "chown"; path: string; uid: number; gid: number }
  | { do: "touch"; path: string; seconds: number }
  | { do: "xattr"; path: string; key: string; value: string }
  | { do: "symlink" | "link" | "rename"; path: string; other: string };

/** Steps whose subject should be there, so that it is taken from what is. */
const needy = new Set(["remove", "empty", "recreate"]);

const component = fc.constantFrom("a", "b", "c", "dir", "\u00e9", "with space", "n".repeat(110));
const path = fc.array(component, { minLength: 1, maxLength: 2 }).map((parts) => parts.join("/"));
const withPath = <K extends string>(...kinds: K[]) => fc.record({ do: fc.constantFrom(...kinds), path });
const owner = fc.constantFrom(0, 1000, 65534, 0x7fffffff);

/** The value of a capability as the kernel keeps it: version 2, cap_net_raw, effective. */
const capability = "\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const attribute = fc.constantFrom(
  ["user.one", "1"],
  ["user.two", "\xff\x01\n"],
  ["user.long", "v".repeat(300)],
  ["security.capability", capability],
);

/** One random step. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      path,
      text: fc.string({ maxLength: 9 }),
    }),
  },
  { weight: 5, arbitrary: withPath("mkdir") },
  { weight: 4, arbitrary: withPath("remove", "empty", "recreate") },
  { weight: 1, arbitrary: withPath("fifo") },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("device" as const),
      path,
      major: fc.integer({ min: 1, max: 250 }),
      minor: fc.nat(70_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("chmod" as const),
      path,
      mode: fc.constantFrom(0o644, 0o755, 0o4755, 0o2775, 0o1777, 0),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("chown" as const), path, uid: owner, gid: owner }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("touch" as const),
      path,
      seconds: fc.constantFrom(0, 1, 1_000_000_000.5, 1_500_000_000, 1_500_000_000.000001),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(path, attribute).map(([path, [key, value]]) => ({
      do: "xattr" as const,
      path,
      key: key!,
      value: value!,
    })),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom("symlink", "link", "rename"), path, other: path }),
  },
);

/** Does what can be done; a step that the tree has no place for changes nothing. `done` counts by kind. */
export async function doAll(
  root: string,
  steps: readonly Step[],
  done: Record<string, number>,
): Promise<void> {
  for (const step of steps) {
    try {
      await doOne(root, step);
      done[step.do] = (done[step.do] ?? 0) + 1;
    } catch (error) {
      if (!isOrdinary(error)) throw error;
    }
  }
}

/** The kernel's and our harness's ways to say that it can't be done there. */
const isOrdinary = (error: unknown) => error instanceof Error && !(error instanceof TypeError);

/** The path itself if it is there or need not be, else one that is, chosen by it. */
function choose(root: string, path: string): string {
  if (exists(`${root}/${path}`)) return path;
  const all = [...walk(root, "")];
  return all[(path.length * 7 + path.charCodeAt(0)) % all.length] ?? path;
}

function* walk(root: string, dir: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(`${root}/${dir}`)) {
    const path = dir ? `${dir}/${name}` : name;
    yield path;
    if (isDirectory) yield* walk(root, path);
  }
}

async function doOne(root: string, step: Step): Promise<void> {
  const at = `${root}/${needy.has(step.do) ? choose(root, step.path) : step.path}`;
  if (throughSymlink(root, step.path)) return;
  if ("other" in step) await withOther(root, at, step);
  else if (step.do === "write") write(at, step.text);
  else if (step.do === "mkdir") Deno.mkdirSync(at, { recursive: true });
  else if (step.do === "remove") Deno.removeSync(at, { recursive: true });
  else if (step.do === "empty") {
    for (const { name } of Deno.readDirSync(at)) Deno.removeSync(`${at}/${name}`, { recursive: true });
  } else if (step.do === "recreate") recreate(at);
  else if (step.do === "fifo") await must("mkfifo", [at]);
  else if (step.do === "device") await must("mknod", [at, "c", String(step.major), String(step.minor)]);
  else if (step.do === "chmod") Deno.chmodSync(at, step.mode);
  else if (step.do === "chown") lchownSync(at, step.uid, step.gid);
  else if (step.do === "touch") Deno.utimeSync(at, step.seconds, step.seconds);
  else if (step.do === "xattr") setXattr(root, step);
}

async function withOther(root: string, at: string, step: Extract<Step, { other: string }>): Promise<void> {
  if (step.do === "symlink") return Deno.symlinkSync(step.other, at);
  const other = choose(root, step.other);
  if (throughSymlink(root, other)) return;
  if (step.do === "link") linkSync(`${root}/${other}`, at);
  else await must("mv", ["-T", `${root}/${other}`, at]);
}

/** Not into what a device or a FIFO leads to. */
function write(at: string, text: string) {
  if (exists(at) && !Deno.lstatSync(at).isFile) throw new Error(`${at} is no file`);
  Deno.writeTextFileSync(at, text);
}

function exists(at: string): boolean {
  try {
    return Boolean(Deno.lstatSync(at));
  } catch {
    return false;
  }
}

/** The same directory, but a new one: overlayfs keeps it as opaque. */
function recreate(at: string) {
  Deno.removeSync(at, { recursive: true });
  Deno.mkdirSync(at);
  Deno.writeTextFileSync(`${at}/c`, "new");
}

function setXattr(root: string, { path, key, value }: Extract<Step, { do: "xattr" }>) {
  const bytes = Uint8Array.from(value, (char) => char.charCodeAt(0));
  const name = String.fromCharCode(...new TextEncoder().encode(path));
  const fd = openDirectory(root);
  try {
    succeed(setXattrAt(fd, name, key, bytes), "lsetxattr");
  } finally {
    closeFd(fd);
  }
}

/** Random symlinks lead anywhere; what is done through them isn't done to this tree. */
function throughSymlink(root: string, path: string): boolean {
  let at = root;
  return path.split("/").slice(0, -1).some((part) => {
    at += `/${part}`;
    return exists(at) && Deno.lstatSync(at).isSymlink;
  });
}
