import assert from "node:assert/strict";
import { openHoles, runcVersion } from "../../../lib/daemon/runc_version.ts";
import { mountsBelow, must, type Output, Scratch, startLongshore, startRegistry } from "../../harness/mod.ts";
import { pushVariants } from "./images.ts";

/** Labels by which daemons are told what to do. */
const orders = {
  "containerd.io/restart.status": "running",
  "containerd.io/restart.loguri": "binary:///bin/sh",
  "io.cri-containerd.kind": "sandbox",
  "longshore.dev/log-uri": "binary:///bin/sh",
  "nerdctl/log-uri": "binary:///bin/sh",
};

Deno.test("images and mounts reach nothing of the host, and give no orders", async (t) => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  await using longshore = await startLongshore({ where: "shm" });
  // Cgroups are named by it, and shared by all daemons.
  const namespace = `spec-${crypto.randomUUID().slice(0, 8)}`;
  const ctr = (args: string[]) => longshore.ctr(["-n", namespace, ...args]);
  /** A directory of the host that nothing may change. */
  const outside = scratch.join("outside");
  await must("sh", ["-ec", `mkdir -p ${outside}; echo kept >${outside}/file; chmod 0640 ${outside}/file`]);
  const listing = () => must("find", [outside, "-printf", "%P %y %m %U %G %s %T@ %l\n"]);
  const before = await listing();
  const up = "../".repeat(12);
  const images = await pushVariants(scratch, registry, {
    plain: {},
    labels: {
      config: Object.entries({ ...orders, "org.example.kept": "yes" }).flatMap(([key, value]) => [
        `--config.label=${key}=${value}`,
        `--manifest.annotation=${key}=${value}`,
      ]),
    },
    volumes: {
      config: [`--config.volume=/${up}${outside}`, "--config.volume=/proc", "--config.volume=/link/v"],
    },
    proc: { layer: `rm -rf proc; mkdir fake; ln -s fake proc` },
    link: { layer: `ln -s ${up.slice(1)}${outside} link` },
    devices: { layer: `mkdir dev; for f in null console zero; do ln -s ${outside}/file dev/$f; done` },
  });
  let n = 0;
  const run = (flags: string[], image: keyof typeof images, ...command: string[]): Promise<Output> =>
    ctr(["run", "--rm", ...flags, images[image]!, `c${n++}`, ...command]);
  for (const image of Object.values(images)) {
    const { code, stderr } = await ctr(["images", "pull", "--plain-http", image]);
    assert.equal(code, 0, stderr);
  }
  const info = async (image: string, ...flags: string[]) => {
    const made = await ctr(["containers", "create", ...flags, images[image]!, image]);
    assert.equal(made.code, 0, made.stderr);
    return JSON.parse((await ctr(["containers", "info", image])).stdout);
  };
  const plain = await info("plain");

  await t.step("CVE-2026-53488: labels and annotations of an image that are orders get lost", async () => {
    const { Labels, Spec } = await info("labels", "--label", "containerd.io/of.the.user=1");
    assert.equal(Labels["org.example.kept"], "yes");
    assert.deepEqual(Object.keys(orders).filter((key) => key in Labels), []);
    assert.equal(Labels["containerd.io/of.the.user"], "1", "a user may");
    assert.deepEqual(Spec.annotations, { "containerd.io/of.the.user": "1" });
  });

  await t.step("CVE-2022-23648: an image's volumes reach no path of the host", async () => {
    assert.deepEqual((await info("volumes")).Spec.mounts, plain.Spec.mounts);
    const { code, stdout } = await run([], "volumes", "sh", "-c", "cat /proc/self/comm; ls -d /link");
    assert.deepEqual([code, stdout], [1, "cat\n"]);
  });

  await t.step(
    "CVE-2019-16884, CVE-2019-19921, CVE-2023-27561: an image's /proc that is a link is refused",
    async () => {
      const { code, stderr } = await run([], "proc", "true");
      assert.equal(code, 1);
      assert.match(stderr, /^ctr: .*proc.*\n$/);
      const covered = await run(["--mount", `type=bind,src=${outside},dst=/proc`], "plain", "true");
      assert.equal(covered.code, 1);
      assert.match(covered.stderr, /^ctr: .*\/proc.*\n$/);
    },
  );

  await t.step(
    "CVE-2021-30465, CVE-2024-45310: a mount below an image's link stays in the container",
    async () => {
      for (const kind of ["tmpfs", "bind"]) {
        const source = kind === "bind" ? `,src=${scratch.join("rootfs/etc")}` : "";
        const { code, stdout } = await run(
          ["--mount", `type=${kind}${source},dst=/link/sub`],
          "link",
          "sh",
          "-c",
          "grep -c /sub /proc/mounts",
        );
        // Refused, or mounted in the container: either will do.
        assert.ok(code === 1 || stdout === "1\n", stdout);
      }
    },
  );

  await t.step("CVE-2021-30465: nor does one that another container swaps for a link leave it", async () => {
    const [shared, raced] = [scratch.join("shared"), scratch.join("raced")];
    await Deno.mkdir(`${shared}/d`, { recursive: true });
    await Deno.mkdir(raced);
    const mounts = [`type=bind,src=${shared},dst=/vol`, "type=tmpfs,dst=/vol/d/sub"];
    await using swapper = swap(`${shared}/d`, raced);
    // It may well fail; only what it touches counts.
    for (let n = 0; n < 5; n++) await run(mounts.flatMap((mount) => ["--mount", mount]), "plain", "true");
    assert.ok(swapper.swaps > 100, "there were too few swaps for a test");
    assert.deepEqual(mountsBelow(raced), []);
    // runc before 1.1.14 makes the directory, empty, wherever the link leads (CVE-2024-45310).
    const found = await must("find", [raced, "-mindepth", "1"]);
    assert.ok(found === "" || found === `${raced}/sub\n` && await hasOldRunc(), found);
  });

  await t.step("CVE-2021-43816: what a bind mount's link leads to is left as it is", async () => {
    await Deno.symlink(outside, scratch.join("by-link"));
    const mount = `type=bind,src=${scratch.join("by-link")},dst=/host,options=rbind:ro`;
    const { code, stdout } = await run(["--user", "alice", "--mount", mount], "plain", "ls", "/host");
    assert.deepEqual([code, stdout], [0, "file\n"]);
  });

  await t.step(
    "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881: an image's devices that are links are not used",
    async () => {
      const script =
        "echo x >/dev/null; cat /proc/kcore /proc/timer_list | wc -c; stat -c %F /dev/null /dev/zero";
      const { code, stdout, stderr } = await run([], "devices", "sh", "-c", script);
      assert.equal(code, 0, stderr);
      assert.equal(stdout, "0\ncharacter special file\ncharacter special file\n");
    },
  );

  await t.step("CVE-2023-25809: cgroups and the rest of /sys are read-only", async () => {
    const script = "mkdir /sys/fs/cgroup/x; grep ' /sys' /proc/mounts | grep -vc ' ro,'";
    const { stdout, stderr } = await run([], "plain", "sh", "-c", script);
    assert.match(stderr, /can't create directory/);
    assert.equal(stdout, "0\n");
  });

  await t.step(
    "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881: a daemon warns of a runc that has them",
    async () => {
      const old = await hasOldRunc();
      assert.equal(
        /level=warn msg="runc \S+ has holes by which images reach the host/.test(longshore.log()),
        old,
      );
    },
  );

  await t.step("and the host is as it was", async () => {
    assert.equal(await listing(), before);
    const { stdout } = await ctr(["snapshots", "ls"]);
    assert.doesNotMatch(stdout, /^c\d/m, "containers that failed leave no snapshots");
  });
});

async function hasOldRunc(): Promise<boolean> {
  return openHoles(await runcVersion() ?? "") !== undefined;
}

/** Swaps a directory for a link and back until disposed. Not in a thread of its own: that would hold up all else. */
function swap(dir: string, target: string): AsyncDisposable & { readonly swaps: number } {
  let over = false;
  let swaps = 0;
  const swapping = (async () => {
    while (!over) {
      try {
        await Deno.rename(dir, `${dir}.away`);
        await Deno.symlink(target, dir);
        await Deno.remove(dir);
        await Deno.rename(`${dir}.away`, dir);
        swaps++;
      } catch {
        // A container that is being made has put a directory there meanwhile.
        await Deno.remove(dir, { recursive: true }).catch(() => {});
        await Deno.rename(`${dir}.away`, dir).catch(() => {});
      }
    }
  })();
  return {
    get swaps() {
      return swaps;
    },
    async [Symbol.asyncDispose]() {
      over = true;
      await swapping;
    },
  };
}
