/** Layers as real tools write them, compared with the tree that they were made from. */
import assert from "node:assert/strict";
import { applyLayer } from "../../../lib/archive/mod.ts";
import { must, Scratch } from "../../harness/mod.ts";
import { compareTrees, type Difference, readTree } from "../../harness/tree.ts";

const LONG = `${"long".repeat(30)}/${"name".repeat(30)}`;

/** A tree with something of everything. */
async function richTree(dir: string): Promise<void> {
  await must("sh", ["-ec", script], { env: { DIR: dir, LONG } });
}

const script = `
mkdir -p "$DIR/sub/empty" "$DIR/$(dirname "$LONG")"; cd "$DIR"
echo hello > sub/file; ln sub/file sub/hard; ln -s ../nowhere sub/sym; ln -s "/$LONG" "$LONG"
head -c 300000 /dev/urandom > big; : > none; touch "$(printf 'bad\\377name')"
mkfifo fifo; mknod char c 5 1; mknod block b 7 9
printf x > suid; chown 12:34 suid; chmod 6755 suid; mkdir -m 1777 sticky; mkdir -m 2750 setgid; chown 0:50 setgid
chown -h 5:6 sub/sym; echo 0 > owned; chown 1000000:2000000 owned
printf start > sparse; truncate -s 3M sparse; printf end >> sparse; truncate -s 5M sparse
touch -d '2001-02-03 04:05:06' sub/file big none sub/empty sub sticky
`;

const whole = ({ field }: Difference) => field === "mtime";
/** Times have whole seconds in these formats. */
const formats: Record<
  string,
  { args: string[]; ignore?: (difference: Difference) => boolean; without?: string[] }
> = {
  pax: { args: ["--format=posix"] },
  "pax with sparse files 0.0": { args: ["--format=posix", "--sparse", "--sparse-version=0.0"] },
  "pax with sparse files 0.1": { args: ["--format=posix", "--sparse", "--sparse-version=0.1"] },
  "pax with sparse files 1.0": { args: ["--format=posix", "--sparse", "--sparse-version=1.0"] },
  gnu: { args: ["--format=gnu"], ignore: whole },
  "gnu with sparse files": { args: ["--format=gnu", "--sparse"], ignore: whole },
  oldgnu: { args: ["--format=oldgnu"], ignore: whole },
  ustar: { args: ["--format=ustar"], ignore: whole, without: ["long*", "./owned"] },
  v7: { args: ["--format=v7"], ignore: whole, without: ["long*", "./owned", "./fifo", "./char", "./block"] },
};

for (const [name, { args, ignore, without = [] }] of Object.entries(formats)) {
  Deno.test(`a layer in GNU tar's ${name} format unpacks to the tree it was made from`, async () => {
    await using scratch = await Scratch.make("shm");
    const [from, to, tar] = [scratch.join("from"), scratch.join("to"), scratch.join("layer.tar")];
    await Deno.mkdir(to);
    await richTree(from);
    for (const pattern of without) await must("sh", ["-c", `cd "${from}" && rm -rf ${pattern}`]);
    await must("tar", [...args, "--numeric-owner", "-C", from, "-cf", tar, "."]);
    await unpack(tar, to);
    assert.deepEqual(compareTrees(readTree(to), readTree(from), (d) => d.path === "" || !!ignore?.(d)), []);
  });
}

for (const [tool, suffix] of [["gzip", ".gz"], ["zstd", ".zst"]] as const) {
  Deno.test(`a layer compressed by ${tool} unpacks to the tree it was made from`, async () => {
    await using scratch = await Scratch.make("shm");
    const [from, to, tar] = [scratch.join("from"), scratch.join("to"), scratch.join("layer.tar")];
    await Deno.mkdir(to);
    await richTree(from);
    await must("tar", ["--format=posix", "--xattrs", "--numeric-owner", "-C", from, "-cf", tar, "."]);
    await must(tool, ["-q", tar]);
    await unpack(tar + suffix, to);
    assert.deepEqual(compareTrees(readTree(to), readTree(from), (d) => d.path === ""), []);
  });
}

Deno.test("a layer written by umoci unpacks to the tree it was made from", async () => {
  await using scratch = await Scratch.make("shm");
  const [from, to, image] = [scratch.join("from"), scratch.join("to"), scratch.join("image")];
  await Deno.mkdir(to);
  await richTree(from);
  await must("umoci", ["init", "--layout", image]);
  await must("umoci", ["new", "--image", `${image}:x`]);
  await must("umoci", ["insert", "--image", `${image}:x`, from, "/tree"]);
  await unpack(await onlyLayer(image), to);
  const ignore = (d: Difference) => d.path === "" || d.field === "mtime";
  assert.deepEqual(compareTrees(readTree(`${to}/tree`), readTree(from), ignore), []);
});

async function unpack(file: string, dir: string) {
  using source = await Deno.open(file);
  await applyLayer(readAll(source), { target: dir, form: "plain" });
}

async function* readAll(file: Deno.FsFile) {
  const buffer = new Uint8Array(100_000);
  for (let n = await file.read(buffer); n; n = await file.read(buffer)) yield buffer.subarray(0, n);
}

/** The blob of an image's only layer. */
async function onlyLayer(image: string): Promise<string> {
  const json = async (path: string) => JSON.parse(await Deno.readTextFile(`${image}/${path}`));
  const blob = (digest: string) => `blobs/${digest.replace(":", "/")}`;
  const manifest = await json(blob((await json("index.json")).manifests[0].digest));
  assert.equal(manifest.layers.length, 1);
  return `${image}/${blob(manifest.layers[0].digest)}`;
}
