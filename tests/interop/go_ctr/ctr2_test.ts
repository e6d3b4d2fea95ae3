/**
 * A ctr of containerd 2, which pulls, pushes, imports and exports through the Transfer and Streaming services, gets
 * from our daemon what it gets from its own.
 */
import assert from "node:assert/strict";
import {
  type CommandOptions,
  must,
  type Output,
  run,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { containerd2 } from "../../harness/containerd2.ts";
import { boxArchives } from "../../integration/archives/support.ts";
import { pushIndex } from "../../integration/push/real.ts";
import { push } from "../../harness/images.ts";

const ready = containerd2();
const user = { name: "alice", password: "s3cret" };

interface Step {
  args: string[];
  options?: CommandOptions;
  /** Why only the exit code is compared, or what: else the whole outcome is. */
  compare?: "code" | "nothing";
}

const step = (...args: string[]): Step => ({ args });
/** Errors in words of each daemon's own, or progress that containerd does not tell. */
const loosely = (...args: string[]): Step => ({ args, compare: "code" });

/** An outcome without what the display tells of pieces on their way, which containerd tells of some only. */
function shown({ code, stdout, stderr }: Output, scratch: string): string {
  const lines = new Set(drawn(stdout).filter((line) => !/elapsed:|\((\w{12})\)|^archive|^$/.test(line)));
  const last = [...lines].filter((line) => !/\t(resolving|fetching|pushing)/.test(line));
  const errors = stderr.replaceAll(/^time=.*\n/gm, "").replaceAll(/ctr: .*/g, "ctr: ...");
  return [`exit ${code}`, ...last, errors].join("\n")
    .replaceAll(scratch, "SCRATCH")
    .replaceAll(/\b(ours|theirs)\b/g, "SIDE")
    .replaceAll(/[ \t]+/g, " ").trimEnd();
}

const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, "g");
const drawn = (text: string) => text.replaceAll(escapes, "").split(/[\r\n]+/);

Deno.test({
  name: "a ctr of containerd 2 pulls, pushes, imports, exports and runs with us as with its own daemon",
  ignore: !ready,
  fn: async () => {
    await using scratch = await Scratch.make("shm");
    await using registry = await startRegistry({ where: "shm" });
    await using closed = await startRegistry({ where: "shm", user });
    const { oci, docker, layout } = await boxArchives(scratch);
    const image = await push(layout, registry, "box:1");
    const creds = `${user.name}:${user.password}`;
    const secret = await push(layout, closed, "secret:1", ["--dest-creds", creds]);
    await using other = await Scratch.make("shm");
    const many = await pushIndex(other, registry, { repository: "many" });
    const broken = scratch.join("broken.tar");
    await Deno.writeFile(broken, (await Deno.readFile(oci)).subarray(0, 40_000));
    await using theirs = await startContainerd("shm", { PATH: ready!.path });
    await using ours = await startLongshore({ where: "shm" });
    const namespace = `two-${crypto.randomUUID().slice(0, 8)}`;
    const sides = { ours: ours.address, theirs: theirs.address };
    const on = (side: keyof typeof sides, { args, options }: Step) =>
      run(
        ready!.ctr,
        [
          "-a",
          sides[side],
          "-n",
          `${namespace}-${side}`,
          ...args.map((word) => word.replaceAll("SIDE", side)),
        ],
        options,
      );
    const pull = ["images", "pull", "--plain-http"];
    const to = `${registry.host}/SIDE/box:1`;
    const out = scratch.join("SIDE.tar");
    const lists = [step("images", "ls"), step("content", "ls", "-q"), step("snapshots", "ls")];
    const steps: Step[] = [
      step(...pull, image),
      ...lists,
      step(...pull, image),
      loosely(...pull, `${registry.host}/none:1`),
      loosely("images", "pull", image.replace(/:\d+/, ":1")),
      step(...pull, "--user", creds, secret),
      loosely(...pull, "--user", "alice:wrong", secret),
      loosely(...pull, secret),
      step(...pull, "--platform", "linux/arm64", many),
      step("images", "ls", "-q"),
      step("images", "tag", image, to),
      step("images", "tag", image, to),
      step("images", "tag", "none:1", "none:2"),
      step("images", "push", "--plain-http", to),
      step("images", "push", "--plain-http", to),
      loosely("images", "push", "--plain-http", `${registry.host}/none:1`),
      // Theirs tells no progress of exports, and ours names what is in the archive.
      loosely("images", "export", out, image, to),
      loosely("images", "export", scratch.join("never.tar"), "none:1"),
      step("images", "rm", "--sync", image, to),
      step("images", "import", "--index-name", "example.test/index:1", scratch.join("theirs.tar")),
      loosely("images", "import", scratch.join("ours.tar")),
      step("images", "import", "--base-name", "example.test/base", "--digests", oci),
      loosely("images", "import", "--no-unpack", docker),
      loosely("images", "import", broken),
      loosely("images", "import", scratch.join("none.tar")),
      step("images", "ls", "-q"),
      step("images", "check", "-q", `name==${image}`),
      step("images", "usage", image),
      step("run", "--rm", image, "box", "echo", "hello"),
      step("run", "--rm", "--read-only", image, "box", "ls", "/"),
      step("images", "mount", image, scratch.join("mnt-SIDE")),
      step("images", "unmount", "--rm", scratch.join("mnt-SIDE")),
      step("content", "prune", "references"),
      step("leases", "ls"),
      step("content", "active"),
      step("sandboxes", "ls"),
      step("deprecations", "list"),
      step("images", "prune", "--all"),
      ...lists,
    ];
    await Promise.all(["ours", "theirs"].map((side) => Deno.mkdir(scratch.join(`mnt-${side}`))));
    const differences: string[] = [];
    const outcomes = async (one: Step) => {
      const [a, b] = [await on("theirs", one), await on("ours", one)];
      const [left, right] = one.compare === "code"
        ? [`exit ${a.code}`, `exit ${b.code}`]
        : [shown(a, scratch.path), shown(b, scratch.path)];
      return { left, right, stderr: b.stderr };
    };
    for (const one of steps) {
      // A display ends with the transfer: it may not have drawn all, on either side. Done again it tells the same.
      const tries = /^(pull|push|import)$/.test(one.args[1]!) ? 10 : 1;
      let last = await outcomes(one);
      for (let n = 1; n < tries && last.left !== last.right; n++) last = await outcomes(one);
      if (last.left === last.right) continue;
      const { left, right, stderr } = last;
      differences.push(
        `ctr ${one.args.join(" ")}\n--- containerd\n${left}\n+++ longshore\n${right}\n${stderr}`,
      );
    }
    assert.equal(differences.join("\n"), "");
    let stdout = "";
    for (let n = 0; n < 10 && !/saved/.test(stdout); n++) {
      ({ stdout } = await on("ours", step(...pull, image)));
    }
    for (
      const piece of [/^└──manifest .*(complete|already exists)/, /^ {3}└──layer .*(complete|extracted)/]
    ) {
      assert.ok(drawn(stdout).some((line) => piece.test(line)), stdout);
    }
    for (const side of ["ours", "theirs"]) {
      const pushed = `docker://${registry.host}/${side}/box:1`;
      const raw = await must("skopeo", ["inspect", "--raw", "--tls-verify=false", pushed]);
      assert.equal(raw, await must("skopeo", ["inspect", "--raw", `oci:${layout.path}:${layout.tag}`]));
    }
  },
});
