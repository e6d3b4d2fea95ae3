import assert from "node:assert/strict";
import type { Mount } from "../../../lib/api/types/mount.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { mountAll, unmountAll, withTempMount } from "../../../lib/sys/mod.ts";
import { mountsBelow, Scratch } from "../../harness/mod.ts";

const fails = (code: Code) => (error: unknown) => isError(error, code);

/** A scratch directory with a source to mount and a place to mount it. */
async function bench() {
  const scratch = await Scratch.make();
  const [source, target] = [scratch.join("source"), scratch.join("target")];
  await Deno.mkdir(source);
  await Deno.mkdir(target);
  await Deno.writeTextFile(`${source}/f`, "here");
  const bind = (...options: string[]): Mount => ({ type: "bind", source, target: "", options });
  return { scratch, source, target, bind, [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose]() };
}

/** The options that the mount table has for the top mount of a directory. */
async function optionsOf(target: string): Promise<string[]> {
  const lines = (await Deno.readTextFile("/proc/self/mountinfo")).split("\n");
  return lines.findLast((line) => line.split(" ")[4] === target)!.split(" ")[5]!.split(",");
}

Deno.test("a bind has the flags that its options ask for, the last one of two that contradict", async () => {
  await using b = await bench();
  mountAll([b.bind("rbind", "ro", "nosuid", "nodev", "noexec")], b.target);
  const options = await optionsOf(b.target);
  for (const one of ["ro", "nosuid", "nodev", "noexec"]) assert.ok(options.includes(one), one);
  assert.equal(await Deno.readTextFile(`${b.target}/f`), "here");
  await assert.rejects(Deno.writeTextFile(`${b.target}/g`, ""), /Read-only file system/);
  await unmountAll(b.target);
  mountAll([b.bind("rbind", "ro", "nosuid", "rw")], b.target);
  assert.deepEqual((await optionsOf(b.target)).filter((one) => ["ro", "rw", "nosuid"].includes(one)), [
    "rw",
    "nosuid",
  ]);
});

Deno.test("propagation is set after the mount", async () => {
  await using b = await bench();
  mountAll([b.bind("rbind", "rshared")], b.target);
  assert.match(await Deno.readTextFile("/proc/self/mountinfo"), new RegExp(`${b.target} .* shared:\\d+ `));
});

Deno.test("what is no flag is data for the file system", async () => {
  await using b = await bench();
  mountAll(
    [{ type: "tmpfs", source: "tmpfs", target: "", options: ["nosuid", "size=1m", "mode=700"] }],
    b.target,
  );
  assert.equal((await Deno.stat(b.target)).mode! & 0o777, 0o700);
  const wrong = { type: "tmpfs", source: "tmpfs", target: "", options: ["nosuch=1"] };
  assert.throws(() => mountAll([wrong], b.target), fails(Code.InvalidArgument));
});

Deno.test("unmountAll takes all mounts of a directory, also busy ones, and minds no absence", async () => {
  await using b = await bench();
  mountAll([b.bind("bind"), b.bind("bind", "ro"), b.bind("bind")], b.target);
  using _busy = await Deno.open(`${b.target}/f`);
  await unmountAll(b.target);
  await unmountAll(b.target);
  await unmountAll(`${b.target}/nosuch`);
  assert.deepEqual(mountsBelow(b.scratch.path), []);
});

Deno.test("a symlink in the place of a mount point leads unmountAll nowhere", async () => {
  await using b = await bench();
  mountAll([b.bind("bind")], b.target);
  await Deno.symlink(b.target, b.scratch.join("link"));
  await unmountAll(b.scratch.join("link"));
  assert.equal(mountsBelow(b.scratch.path).length, 1);
});

Deno.test("withTempMount leaves no mount, whether its work succeeds or not", async () => {
  await using b = await bench();
  let place = "";
  const read = (dir: string) => Deno.readTextFile(`${place = dir}/f`);
  assert.equal(await withTempMount([b.bind("rbind", "ro")], read), "here");
  await assert.rejects(Deno.stat(place), Deno.errors.NotFound);
  const failing = (dir: string) => Promise.reject(new Error(`no luck in ${place = dir}`));
  await assert.rejects(withTempMount([b.bind("rbind")], failing), /no luck/);
  await assert.rejects(Deno.stat(place), Deno.errors.NotFound);
  const missing = { ...b.bind("rbind"), source: b.scratch.join("nosuch") };
  await assert.rejects(withTempMount([b.bind("rbind"), missing], read), fails(Code.NotFound));
  const table = await Deno.readTextFile("/proc/self/mountinfo");
  assert.equal(table.includes(b.source), false, "a bind's source is in the table");
  assert.equal(await Deno.readTextFile(`${b.source}/f`), "here");
});

Deno.test("withTempMount shows what is mounted in its source, and is nowhere to be seen where nothing is", async () => {
  await using b = await bench();
  const shown = (dir: string) =>
    Deno.readTextFile("/proc/self/mountinfo").then((table) => table.includes(dir));
  const name = crypto.randomUUID();
  const tmpfs: Mount = { type: "tmpfs", source: name, target: "", options: [] };
  await withTempMount([tmpfs], async (dir) => {
    await Deno.writeTextFile(`${dir}/f`, "");
    assert.equal(await shown(name), false);
  });
  await Deno.mkdir(`${b.source}/inner`);
  mountAll([tmpfs], `${b.source}/inner`);
  await Deno.writeTextFile(`${b.source}/inner/g`, "in it");
  await withTempMount([b.bind("rbind")], async (dir) => {
    assert.equal(await Deno.readTextFile(`${dir}/inner/g`), "in it");
    assert.equal(await shown(dir), true);
  });
  await unmountAll(`${b.source}/inner`);
});

Deno.test("what withTempMount has mounted ends with a process that is killed", async () => {
  await using b = await bench();
  const script = new URL("killed_mounter.ts", import.meta.url).pathname;
  const options = { args: ["run", "-A", script, b.source], stdout: "piped" as const };
  const child = new Deno.Command(Deno.execPath(), options).spawn();
  const said = await child.stdout.getReader().read();
  assert.equal(new TextDecoder().decode(said.value), "here\n");
  child.kill("SIGKILL");
  await child.status;
  const table = await Deno.readTextFile("/proc/self/mountinfo");
  assert.equal(table.includes(b.source), false);
  // Nothing holds its file system either.
  assert.deepEqual(mountsBelow(b.scratch.path), []);
});

Deno.test("overlay options longer than a page mount, wherever their layers are, and leave no names behind", async () => {
  await using b = await bench();
  const long = b.scratch.join("d".repeat(60));
  const layers = Array.from({ length: 100 }, (_, n) => `${long}/${n}/fs`);
  for (const [n, layer] of layers.entries()) {
    await Deno.mkdir(layer, { recursive: true });
    await Deno.writeTextFile(`${layer}/file${n}`, "");
  }
  const before = Deno.cwd();
  const overlay = (lower: string[]): Mount => ({
    type: "overlay",
    source: "overlay",
    target: "",
    options: [`lowerdir=${lower.join(":")}`],
  });
  mountAll([overlay(layers)], b.target);
  assert.equal([...Deno.readDirSync(b.target)].length, 100);
  assert.equal(Deno.cwd(), before);
  assert.deepEqual(namesLeft(b.scratch.path), []);
  const endless = Array.from({ length: 600 }, (_, n) => `${long}/${n}`);
  assert.throws(() => mountAll([overlay(endless)], b.target), /longer than a page/);
  assert.deepEqual(namesLeft(b.scratch.path), []);
});

Deno.test("an overlay of 400 layers mounts, the nearest first, with the flags that its options ask for", async () => {
  await using b = await bench();
  const at = (name: string) => b.scratch.join(name);
  const layers = Array.from({ length: 400 }, (_, n) => at(`layer${n}/${"x".repeat(30)}`));
  for (const [n, layer] of layers.entries()) {
    await Deno.mkdir(layer, { recursive: true });
    await Deno.writeTextFile(`${layer}/file${n}`, "");
    await Deno.writeTextFile(`${layer}/same`, `${n}`);
  }
  for (const name of ["upper", "work"]) await Deno.mkdir(at(name));
  const own = [`workdir=${at("work")}`, `upperdir=${at("upper")}`];
  const mount = (...options: string[]): Mount => ({
    type: "overlay",
    source: "overlay",
    target: "",
    options,
  });
  mountAll([mount("index=off", ...own, `lowerdir=${layers.join(":")}`, "nosuid", "nodev")], b.target);
  assert.equal([...Deno.readDirSync(b.target)].length, 401);
  assert.equal(await Deno.readTextFile(`${b.target}/same`), "0");
  for (const one of ["nosuid", "nodev"]) assert.ok((await optionsOf(b.target)).includes(one), one);
  await Deno.writeTextFile(`${b.target}/same`, "changed");
  assert.equal(await Deno.readTextFile(at("upper/same")), "changed");
  await unmountAll(b.target);
  mountAll([mount("ro", `lowerdir=${layers.join(":")}`)], b.target);
  await assert.rejects(Deno.writeTextFile(`${b.target}/new`, ""), /Read-only file system/);
});

Deno.test("layers whose paths are longer than the kernel takes one by one mount, too", async () => {
  await using b = await bench();
  const layers = Array.from(
    { length: 40 },
    (_, n) => b.scratch.join("d".repeat(200), "e".repeat(100), `${n}`),
  );
  for (const [n, layer] of layers.entries()) {
    await Deno.mkdir(layer, { recursive: true });
    await Deno.writeTextFile(`${layer}/file${n}`, "");
  }
  const options = [`lowerdir=${layers.join(":")}`];
  mountAll([{ type: "overlay", source: "overlay", target: "", options }], b.target);
  assert.equal([...Deno.readDirSync(b.target)].length, 40);
  assert.deepEqual(namesLeft(b.scratch.path), []);
});

/** Short names of layers below `path` that were not taken away; other tests may be mounting, too. */
function namesLeft(path: string): string[] {
  return [...Deno.readDirSync("/run")].map(({ name }) => name).filter((name) => {
    if (!/^\.l[0-9a-z]{1,3}$/.test(name)) return false;
    try {
      return Deno.readLinkSync(`/run/${name}/0`).startsWith(path);
    } catch {
      return false;
    }
  });
}
