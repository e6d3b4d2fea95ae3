/** What overlayfs keeps in an upper directory beside files, and what a layer can't hold. */
import assert from "node:assert/strict";
import { linkSync } from "node:fs";
import { NeedsMountError } from "../../../lib/archive/mod.ts";
import { CtrError } from "../../../lib/errors.ts";
import {
  closeFd,
  makeDirectoryAt,
  Open,
  openAt,
  openDirectory,
  setXattrAt,
  succeed,
} from "../../../lib/sys/mod.ts";
import { must, run, Scratch } from "../../harness/mod.ts";
import { compareTrees, readTree } from "../../harness/tree.ts";
import { applyTo, Overlay, tarOf } from "./overlay.ts";

const names = async (layer: Uint8Array<ArrayBuffer>) =>
  (await must("tar", ["-t", "-f", "-"], { stdin: layer })).split("\n").filter((name) => name);

function setXattr(dir: string, name: string, key: string, value: string) {
  const fd = openDirectory(dir);
  try {
    assert.equal(setXattrAt(fd, name, key, new TextEncoder().encode(value)), 0);
  } finally {
    closeFd(fd);
  }
}

async function fill(lower: string) {
  await Deno.mkdir(`${lower}/dir/sub`, { recursive: true });
  await Deno.writeTextFile(`${lower}/dir/a`, "a");
  await Deno.writeTextFile(`${lower}/dir/b`, "b");
  await Deno.writeTextFile(`${lower}/dir/sub/c`, "c");
  await Deno.writeTextFile(`${lower}/file`, "file");
}

Deno.test("a directory made anew hides what was in it with one word, one deletion is told by name", async () => {
  await using scratch = await Scratch.make("shm");
  await using overlay = await Overlay.make(scratch.join("o"), fill);
  const { lower, upper, merged } = overlay;
  await Deno.remove(`${merged}/dir`, { recursive: true });
  await Deno.mkdir(`${merged}/dir`);
  await Deno.remove(`${merged}/file`);
  const layer = await tarOf({ lower, upper, form: "overlay" });
  assert.deepEqual(await names(layer), [".wh.file", "dir/", "dir/.wh..wh..opq"]);
});

Deno.test("a directory made anew with some of the same in it tells what is missing", async () => {
  await using scratch = await Scratch.make("shm");
  await using overlay = await Overlay.make(scratch.join("o"), fill);
  const { lower, upper, merged } = overlay;
  await must("cp", ["-a", `${merged}/dir/a`, `${merged}/kept`]);
  await Deno.remove(`${merged}/dir`, { recursive: true });
  await Deno.mkdir(`${merged}/dir`);
  await must("mv", [`${merged}/kept`, `${merged}/dir/a`]);
  const layer = await tarOf({ lower, upper, form: "overlay" });
  assert.deepEqual(await names(layer), ["dir/", "dir/.wh.b", "dir/.wh.sub"]);
});

Deno.test("whiteouts that are files with an attribute are understood (Linux 6.7)", async () => {
  await using scratch = await Scratch.make("shm");
  const dirs = ["lower", "upper"].map((name) => scratch.join(name));
  const [lower, upper] = dirs as [string, string];
  await Deno.mkdir(lower);
  await fill(lower);
  await Deno.mkdir(`${upper}/dir`, { recursive: true });
  setXattr(upper, "dir", "trusted.overlay.opaque", "x");
  await Deno.writeTextFile(`${upper}/dir/b`, "");
  setXattr(`${upper}/dir`, "b", "trusted.overlay.whiteout", "y");
  await Deno.writeTextFile(`${upper}/dir/new`, "");
  const layer = await tarOf({ lower, upper, form: "overlay" });
  assert.deepEqual(await names(layer), ["dir/", "dir/.wh.b", "dir/new"]);
});

for (const mark of ["trusted.overlay.metacopy", "trusted.overlay.redirect", "user.overlay.metacopy"]) {
  Deno.test(`an upper directory with ${mark} is not read by itself`, async () => {
    await using scratch = await Scratch.make();
    await Deno.mkdir(scratch.join("lower"));
    await Deno.mkdir(scratch.join("upper", "dir"), { recursive: true });
    setXattr(scratch.join("upper"), "dir", mark, "/elsewhere");
    const source = { lower: scratch.join("lower"), upper: scratch.join("upper"), form: "overlay" as const };
    await assert.rejects(tarOf(source), NeedsMountError);
  });
}

Deno.test("times are no later than the source date, and the bytes the same however often it is made", async () => {
  await using scratch = await Scratch.make("shm");
  await using overlay = await Overlay.make(scratch.join("o"), fill);
  const { lower, upper, merged } = overlay;
  await Deno.writeTextFile(`${merged}/dir/new`, "new");
  await Deno.writeTextFile(`${merged}/old`, "old");
  await Deno.utime(`${merged}/old`, 1000, 1000);
  await Deno.remove(`${merged}/dir/b`);
  const first = await tarOf({ lower, upper, form: "overlay" }, 1_600_000_000);
  await must("touch", [`${merged}/dir`, `${merged}/dir/new`]);
  const second = await tarOf({ lower, upper, form: "overlay" }, 1_600_000_000);
  assert.ok(first.every((byte, at) => byte === second[at]) && first.length === second.length);
  const times = await must("tar", ["-tv", "--utc", "--full-time", "-f", "-"], { stdin: first });
  assert.deepEqual(
    times.trim().split("\n").map((line) => line.split(/\s+/).slice(3).join(" ")),
    [
      "2020-09-13 12:26:40 dir/",
      "2020-09-13 12:26:40 dir/.wh.b",
      "2020-09-13 12:26:40 dir/new",
      "1970-01-01 00:16:40 old",
    ],
  );
});

Deno.test("a new name for an old file brings the file along, so that they are one file again", async () => {
  await using scratch = await Scratch.make("shm");
  const [lower, upper] = [scratch.join("lower"), scratch.join("upper")];
  await Deno.mkdir(lower);
  await fill(lower);
  await must("cp", ["-a", lower, upper]);
  linkSync(`${upper}/file`, `${upper}/dir/link`);
  const layer = await tarOf({ lower, upper, form: "plain" });
  assert.deepEqual(await names(layer), ["dir/", "dir/link", "file"]);
  applyTo(lower, layer);
  assert.deepEqual(compareTrees(readTree(lower), readTree(upper), ({ path }) => path === ""), []);
});

Deno.test("sockets are left out, and what they replaced is gone", async () => {
  await using scratch = await Scratch.make();
  await using overlay = await Overlay.make(scratch.join("o"), fill);
  const { lower, upper, merged } = overlay;
  await Deno.remove(`${merged}/file`);
  using _one = Deno.listen({ transport: "unix", path: `${merged}/file` });
  using _two = Deno.listen({ transport: "unix", path: `${merged}/socket` });
  const layer = await tarOf({ lower, upper, form: "overlay" });
  assert.deepEqual(await names(layer), [".wh.file"]);
});

Deno.test("a file that would be taken for a deletion is refused by name", async () => {
  await using scratch = await Scratch.make();
  await using overlay = await Overlay.make(scratch.join("o"), fill);
  const { lower, upper, merged } = overlay;
  await Deno.writeTextFile(`${merged}/dir/.wh.a`, "");
  const refused = (error: unknown) =>
    error instanceof CtrError && /"dir\/\.wh\.a".*deletion/.test(error.message);
  await assert.rejects(tarOf({ lower, upper, form: "overlay" }), refused);
  await assert.rejects(tarOf({ lower, upper: merged, form: "plain" }), refused);
});

Deno.test("symlinks are packed, not followed: nothing outside of the tree is read", async () => {
  await using scratch = await Scratch.make("shm");
  const [lower, upper] = [scratch.join("lower"), scratch.join("upper")];
  await Deno.mkdir(lower);
  await fill(lower);
  await Deno.mkdir(upper);
  await Deno.symlink("/etc", `${upper}/dir`);
  await Deno.symlink("/etc/passwd", `${upper}/file`);
  const layer = await tarOf({ lower, upper, form: "overlay" });
  const listed = (await must("tar", ["-tv", "-f", "-"], { stdin: layer })).trim().split("\n");
  assert.deepEqual(listed.map((line) => line.split(/\s+/).slice(5).join(" ")), [
    "dir -> /etc",
    "file -> /etc/passwd",
  ]);
});

/** Directories in each other, deeper than a path can tell. */
function makeDeep(dir: string, levels: number) {
  const name = new TextEncoder().encode("d\0");
  let fd = openDirectory(dir);
  for (let level = 0; level < levels; level++) {
    succeed(makeDirectoryAt(fd, name, 0o755), "mkdir");
    const child = succeed(openAt(fd, name, Open.DIRECTORY), "open");
    closeFd(fd);
    fd = child;
  }
  closeFd(fd);
}

Deno.test("a directory too deep to be named is an error, not a crash", async () => {
  await using scratch = await Scratch.make();
  const upper = scratch.join("upper");
  await Deno.mkdir(upper);
  makeDeep(upper, 2200);
  const made = tarOf({ upper, form: "plain" });
  await assert.rejects(
    made,
    (error) => error instanceof CtrError && /path of 40\d\d bytes/.test(error.message),
  );
  assert.equal((await run("rm", ["-rf", upper])).code, 0);
});
