/** The flags of import and export: images, names and files are those that Go's ctr has, or it is said why not. */
import assert from "node:assert/strict";
import {
  type CommandOptions,
  ctrPath,
  must,
  type Output,
  push,
  run,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { boxArchives } from "../../integration/archives/support.ts";
import { layoutFiles, madeImage } from "../../integration/archives/made.ts";
import { makeTar } from "../../harness/tar.ts";
import { pushIndex } from "../../integration/push/real.ts";

interface Step {
  args: string[];
  /** Of containerd's, where images are kept that others should not find content of. */
  namespace?: string;
  /** Shell script that is given the command as "$@", in place of the command alone. */
  script?: string;
  /** Why the outcome is another than Go's, and what ours is: exit code, and a name of an image or an error. */
  ours?: { code: number; says?: RegExp };
}

/** What both sides are asked for after each step. */
const lists = [["images", "ls", "-q"], ["content", "ls", "-q"], ["snapshots", "ls"]];

/** The names in an archive. */
async function namesIn(file: string): Promise<string> {
  const { code, stdout } = await run("tar", ["-tf", file]);
  return code === 0 ? stdout : "no archive";
}

Deno.test("every flag of import and export does what it does in Go's ctr", async () => {
  await using scratch = await Scratch.make("shm");
  await using other = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  await using theirs = await startContainerd("shm");
  await using ours = await startLongshore({ where: "shm" });
  const { oci, docker, layout } = await boxArchives(scratch);
  const image = await push(layout, registry, "box:1");
  const many = await pushIndex(other, registry, { repository: "many" });
  const foreign = scratch.join("foreign.tar");
  const mediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar";
  await Deno.writeFile(foreign, makeTar(layoutFiles(madeImage({ layer: { mediaType } }))));
  const out = scratch.join("SIDE.tar");
  const imports = (...args: string[]): Step => ({ args: ["images", "import", ...args] });
  const exports = (...args: string[]): Step => ({ args: ["images", "export", ...args] });
  const steps: Step[] = [
    imports(oci),
    imports("--base-name", "example.test/base", oci),
    imports("--base-name", "example.test/base", "--digests", oci),
    imports("--index-name", "example.test/index:1", "--base-name", "example.test/indexed", oci),
    imports("--no-unpack", "--base-name", "example.test/packed", oci),
    imports("--all-platforms", "--base-name", "example.test/all", oci),
    imports("--platform", "linux/amd64", "--base-name", "example.test/amd", oci),
    { ...imports("--digests", docker), namespace: "docker" },
    { ...imports("--digests", "--base-name", "example.test/box", docker), namespace: "docker" },
    // Each has a gzip of its own.
    { ...imports("--compress-blobs", docker), namespace: "gzip", ours: { code: 0 } },
    imports("--base-name", "example.test/stdin", "-"),
    imports("--snapshotter", "native", "--base-name", "example.test/native", oci),
    {
      ...imports("--platform", "linux/arm64", "--base-name", "example.test/arm", oci),
      // Go's fails after it has made the image.
      namespace: "arm",
      ours: { code: 1, says: /no image for linux\/arm64/ },
    },
    imports(scratch.join("none.tar")),
    imports(),
    { args: ["images", "pull", "--plain-http", image] },
    // Go's pull would unpack the other platforms' layers, too.
    { args: ["content", "fetch", "--plain-http", "--all-platforms", many] },
    exports(out, image),
    // Go's 1.6 writes it all the same.
    { ...exports("--skip-manifest-json", out, image), ours: { code: 0 } },
    exports(out, image, "example.test/base:1"),
    exports("--all-platforms", out, many),
    exports("--platform", "linux/arm64", out, many),
    exports("--platform", "linux/arm64", "--platform", "linux/amd64", out, many),
    // Go's leaves an empty archive.
    {
      ...exports("--platform", "linux/s390x", out, many),
      ours: { code: 1, says: /no image for linux.s390x/ },
    },
    exports(out, "none:1"),
    exports(out),
    { ...exports("-", image), script: `"$@" >"$OUT"` },
    imports("--no-unpack", "--base-name", "example.test/foreign", foreign),
    exports("--skip-non-distributable", out, "example.test/foreign:1"),
    exports(out, "example.test/foreign:1"),
  ];
  const files = { theirs: scratch.join("theirs.tar"), ours: scratch.join("ours.tar") };
  const on = async (
    side: "theirs" | "ours",
    { args, script, namespace = "default" }: Step,
  ): Promise<Output> => {
    const words = ["-n", namespace, ...args.map((word) => word.replace("SIDE", side))];
    const daemon = { theirs, ours }[side];
    const options: CommandOptions = words.at(-1) === "-" ? { stdin: await Deno.readFile(oci) } : {};
    if (!script) return await daemon.ctr(words, options);
    const program = side === "ours" ? ctrPath : "/usr/bin/ctr";
    const command = ["-ec", script, "sh", program, "--address", daemon.address, ...words];
    return { code: 0, stderr: "", stdout: await must("sh", command, { env: { OUT: files[side] } }) };
  };
  const differences = new Set<string>();
  for (const step of steps) {
    for (const file of Object.values(files)) await Deno.remove(file).catch(() => {});
    const [a, b] = [await on("theirs", step), await on("ours", step)];
    const told = (what: string) => differences.add(`ctr ${step.args.join(" ")}: ${what}`);
    const wanted = step.ours?.code ?? a.code;
    if (wanted !== b.code) told(`${wanted} ${a.stderr}, ours ${b.code} ${b.stderr}`);
    if (step.ours?.says && !step.ours.says.test(b.stderr)) told(`not ${step.ours.says}: ${b.stderr}`);
    const compare = (left: string, right: string) => {
      const [one, other] = [left, right].map((text) =>
        new Set(text.trim().split("\n").map((line) => line.trim()))
      );
      for (const line of one!.difference(other!)) told(`ours lacks ${line}`);
      for (const line of other!.difference(one!)) told(`theirs lacks ${line}`);
    };
    for (const list of step.ours ? [] : lists) {
      const [left, right] = [
        await on("theirs", { ...step, args: list }),
        await on("ours", { ...step, args: list }),
      ];
      compare(left.stdout, right.stdout);
    }
    if (step.args[1] === "export" && wanted === 0 && !step.ours) {
      const [left, right] = [await namesIn(files.theirs), await namesIn(files.ours)];
      compare(left, right);
    }
  }
  assert.equal([...differences].join("\n"), "");
});
