import assert from "node:assert/strict";
import type { Mount } from "../../../lib/api/types/mount.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { inUseBy } from "../../../lib/metadata/layers_in_use.ts";
import { mountAll, unmountAll } from "../../../lib/sys/mod.ts";
import { mountsBelow, must, runAlone, Scratch } from "../../harness/mod.ts";

const maps = ["uidmap=0:100000:10,10:200000:5", "gidmap=0:300000:65536"];
const fails = (code: Code, why: RegExp) => (error: unknown) =>
  isError(error, code) && why.test(error.message);

/** Layers with files of 0:0, 12:7 and 20:0 in the lowest, and a place to mount. */
async function bench() {
  const scratch = await Scratch.make("shm");
  const [one, two, target] = ["1/fs", "2/fs", "target"].map((name) => scratch.join(name));
  const script =
    `mkdir -p "$@" "$3"; cd "$1"; touch a b c; chown 12:7 b; chown 20:0 c; mkdir -p "$1/../../3/fs" "$1/../../3/work"`;
  await must("sh", ["-ec", script, "sh", one!, two!, target!]);
  const layer = (n: number) => scratch.join(`${n}/fs`);
  const overlay = (lower: number[], ...options: string[]): Mount => {
    const own = [`upperdir=${layer(3)}`, `workdir=${scratch.join("3/work")}`];
    return {
      type: "overlay",
      source: "overlay",
      target: "",
      options: [...own, `lowerdir=${lower.map(layer).join(":")}`, ...options],
    };
  };
  const owners = () => must("sh", ["-c", `stat -c '%n %u:%g' a b c`], { cwd: target });
  return {
    layer,
    target: target!,
    overlay,
    owners,
    scratch,
    [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
  };
}

const shown = "a 100000:300000\nb 200002:300007\nc 65534:300000\n";

Deno.test("an overlay shows its lower layers with mapped owners, and copies them so", async () => {
  await using b = await bench();
  for (const lower of [[1], [2, 1]]) {
    mountAll([b.overlay(lower, ...maps)], b.target);
    assert.equal(await b.owners(), shown);
    const isUsed = inUseBy(await Deno.readTextFile("/proc/self/mountinfo"));
    assert.deepEqual([1, 3].map((n) => isUsed(b.layer(n))), [true, true]);
    await must("sh", ["-c", "chmod 600 b"], { cwd: b.target });
    assert.equal(await must("stat", ["-c", "%u:%g", `${b.layer(3)}/b`]), "200002:300007\n");
    assert.equal(await must("stat", ["-c", "%u:%g", `${b.layer(1)}/b`]), "12:7\n");
    await unmountAll(b.target);
    assert.deepEqual(mountsBelow(b.scratch.path), []);
  }
  const left = (await Deno.readTextFile("/proc/self/mounts")).split("\n").filter((line) =>
    / \/run\/\.l/.test(line) && line.includes(b.scratch.path)
  );
  assert.deepEqual(left, []);
});

Deno.test("a bind mount shows mapped owners, read-only if it is to be", async () => {
  await using b = await bench();
  for (const mode of ["ro", "rw"]) {
    mountAll([{ type: "bind", source: b.layer(1), target: "", options: ["rbind", mode, ...maps] }], b.target);
    assert.equal(await b.owners(), shown);
    assert.equal(mountsBelow(b.scratch.path).length, 1);
    const writing = Deno.writeTextFile(`${b.target}/a`, "x");
    await (mode === "ro" ? assert.rejects(writing, /Read-only/) : writing);
    await unmountAll(b.target);
  }
});

Deno.test("what can't be mapped is refused, and nothing is mounted", async () => {
  await using b = await bench();
  const bind = (source: string, ...options: string[]): Mount => ({
    type: "bind",
    source,
    target: "",
    options,
  });
  const half = bind(b.layer(1), "bind", maps[0]!);
  assert.throws(
    () => mountAll([half], b.target),
    fails(Code.InvalidArgument, /uidmap and mount option gidmap/),
  );
  const wrong = bind(b.layer(1), "bind", "uidmap=0:0:0", maps[1]!);
  assert.throws(() => mountAll([wrong], b.target), fails(Code.InvalidArgument, /a range of no ids/));
  const proc = bind("/proc", "bind", ...maps);
  assert.throws(() => mountAll([proc], b.target), fails(Code.Unimplemented, /its file system can't/));
  assert.throws(() => mountAll([b.overlay([9], ...maps)], b.target), fails(Code.NotFound, /no such file/));
  assert.deepEqual(mountsBelow(b.scratch.path), []);
});

Deno.test("mapping leaves no process and no descriptor", async () => {
  await using b = await bench();
  const script = new URL("./map_often.ts", import.meta.url);
  const { before, after } = await runAlone(script, [b.target, JSON.stringify(b.overlay([2, 1], ...maps))]);
  assert.deepEqual(after, before);
});
