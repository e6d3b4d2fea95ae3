/** The comparison of trees itself, checked against stat and getfattr's own words. */
import assert from "node:assert/strict";
import { must, Scratch } from "../../harness/mod.ts";
import { compareTrees, readTree } from "../../harness/tree.ts";

Deno.test("readTree tells what stat tells", async () => {
  await using scratch = await Scratch.make("shm");
  const make = `cd "${scratch.path}"; mkdir -m 1750 d; echo hi > d/f; ln d/f d/g; ln -s f d/s; mkfifo d/p;
    mknod d/c c 5 300; mknod d/b b 7 9; chown 3:4 d/f; chmod 4711 d/f; touch -d '2001-02-03 04:05:06.789012345 UTC' d/f`;
  await must("sh", ["-ec", make]);
  const lines = await must("sh", [
    "-c",
    `cd "${scratch.path}" && stat --printf '%n %a %u:%g %.9Y %h\\n' d/*`,
  ]);
  const tree = readTree(scratch.path);
  for (const line of lines.trim().split("\n")) {
    const [path, mode, owner, mtime, links] = line.split(" ");
    const entry = tree.get(path!)!;
    assert.equal(`${parseInt(entry.mode, 8).toString(8)} ${entry.owner}`, `${mode} ${owner}`);
    assert.equal(`${entry.mtime} ${entry.links}`, `${mtime} ${links}`);
  }
  assert.equal(tree.get("d/f")!.mtime, "981173106.789012345");
  assert.equal(tree.get("d/f")!.sameAs, "d/f d/g");
  assert.equal(
    tree.get("d/f")!.content,
    "3 98ea6e4f216f2fb4b69fff9b3a44842c38686ca685f3f55dc48c5d3fb1107be4",
  );
  assert.equal(tree.get("d/s")!.target, "f");
  assert.deepEqual(["d", "d/p", "d/c", "d/b"].map((path) => tree.get(path)!.type), [
    "directory",
    "fifo",
    "char",
    "block",
  ]);
  assert.deepEqual([tree.get("d/c")!.device, tree.get("d/b")!.device], ["5:300", "7:9"]);
});

Deno.test("compareTrees finds each kind of difference and nothing in a copy", async () => {
  await using scratch = await Scratch.make("shm");
  const [a, b] = [scratch.join("a"), scratch.join("b")];
  await must("sh", ["-ec", `mkdir ${a}; cd ${a}; for f in 1 2 3 4 5 6; do echo $f > $f; done; ln -s x s`]);
  await must("cp", ["-a", a, b]);
  assert.deepEqual(compareTrees(readTree(a), readTree(b)), []);
  const change =
    `cd ${b}; chmod 600 1; chown 1 2; touch -d @5 3; echo x > 4; touch -r ${a}/4 4; rm 5; ln -sf y s
    touch -hr ${a}/s s; touch -r ${a} .`;
  await must("sh", ["-ec", change]);
  const found = compareTrees(readTree(a), readTree(b)).map(({ path, field }) => `${path} ${field}`);
  assert.deepEqual(found, ["1 mode", "2 owner", "3 mtime", "4 content", "5 entry", "s target"]);
});
