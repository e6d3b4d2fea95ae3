/** Images of Docker's first format, as skopeo writes them into a real registry. */
import assert from "node:assert/strict";
import {
  type Layout,
  type Longshore,
  type Output,
  push,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { busyboxRootfs, imageOfDirs } from "../../harness/images.ts";

const env = { CONTAINERD_ENABLE_DEPRECATED_PULL_SCHEMA_1_IMAGE: "1" };

/** Two layers, the second of which deletes something. */
async function twoLayers(scratch: Scratch): Promise<Layout> {
  const [below, above] = [scratch.join("below"), scratch.join("above")];
  await busyboxRootfs(below);
  await Deno.mkdir(`${above}/etc`, { recursive: true });
  await Deno.writeTextFile(`${above}/etc/motd`, "from above\n");
  await Deno.writeTextFile(`${above}/.wh.home`, "");
  return await imageOfDirs(scratch.join("image"), [below, above], [
    "--config.cmd",
    "sh",
    "--config.env",
    "A=b",
  ]);
}

async function good(output: Promise<Output>): Promise<string> {
  const { code, stdout, stderr } = await output;
  assert.equal(code, 0, stderr);
  return stdout;
}

const committed = (table: string) =>
  table.split("\n").filter((line) => line.includes("Committed")).map((line) => line.split(" ")[0]).sort();

Deno.test("an image of Docker's first format is converted, runs, and has the layers that containerd finds in it", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm", schema1: true });
  await using ours: Longshore = await startLongshore({ where: "shm", env });
  await using theirs = await startContainerd("shm");
  const reference = await push(await twoLayers(scratch), registry, "old:1", ["--format", "v2s1"]);
  await good(ours.ctr(["images", "pull", reference]));
  const script = "cat /etc/motd; echo $A; ls / | grep -c home";
  const ran = await ours.ctr(["run", "--rm", reference, "old", "sh", "-c", script]);
  assert.equal(ran.stdout, "from above\nb\n0\n", ran.stderr);
  await good(theirs.ctr(["images", "pull", "--plain-http", reference]));
  const [here, there] = [
    await good(ours.ctr(["snapshots", "ls"])),
    await good(theirs.ctr(["snapshots", "ls"])),
  ];
  assert.equal(committed(here).length, 2);
  assert.deepEqual(committed(here), committed(there));
  assert.match(await good(ours.ctr(["images", "check"])), /complete \(3\/3\)/);
  // A second pull finds everything, and the same image.
  const before = await good(ours.ctr(["images", "ls"]));
  await good(ours.ctr(["images", "pull", reference]));
  assert.equal(await good(ours.ctr(["images", "ls"])), before);
});

Deno.test("such an image is refused unless the daemon lets it in, and the refusal says how", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm", schema1: true });
  await using daemon = await startLongshore({ where: "shm" });
  const reference = await push(await twoLayers(scratch), registry, "old:1", ["--format", "v2s1"]);
  const { code, stderr } = await daemon.ctr(["images", "pull", reference]);
  assert.equal(code, 1);
  assert.match(stderr, /^ctr: .*CONTAINERD_ENABLE_DEPRECATED_PULL_SCHEMA_1_IMAGE=1/);
  assert.equal(await good(daemon.ctr(["images", "ls", "-q"])), "");
});
