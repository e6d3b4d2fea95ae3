import assert from "node:assert/strict";
import { openOverlay } from "../../../lib/snapshots/mod.ts";
import { mountAll, unmountAll } from "../../../lib/sys/mod.ts";
import { must, Scratch } from "../../harness/mod.ts";
import { snapshotterSuite } from "./suite.ts";

snapshotterSuite("overlayfs", { open: openOverlay });

Deno.test("overlayfs: mounts have the shape of containerd's", async () => {
  await using scratch = await Scratch.make();
  await using overlay = await openOverlay(scratch.join("overlay"));
  const at = (id: string) => `${scratch.join("overlay")}/${id}`;
  const index = overlay.mounts("3", ["2", "1"], "active")[0]!.options[0] === "index=off" ? ["index=off"] : [];
  assert.deepEqual(overlay.mounts("1", [], "active"), [
    { type: "bind", source: `${at("1")}/fs`, target: "", options: ["rw", "rbind"] },
  ]);
  assert.deepEqual(overlay.mounts("2", ["1"], "view"), [
    { type: "bind", source: `${at("1")}/fs`, target: "", options: ["ro", "rbind"] },
  ]);
  assert.deepEqual(overlay.mounts("3", ["2", "1"], "active"), [{
    type: "overlay",
    source: "overlay",
    target: "",
    options: [
      ...index,
      `workdir=${at("3")}/work`,
      `upperdir=${at("3")}/fs`,
      `lowerdir=${at("2")}/fs:${at("1")}/fs`,
    ],
  }]);
  assert.deepEqual(overlay.mounts("4", ["2", "1"], "view")[0]!.options, [
    ...index,
    `lowerdir=${at("2")}/fs:${at("1")}/fs`,
  ]);
});

Deno.test("overlayfs: what a removal did not finish is deleted at the next start", async () => {
  await using scratch = await Scratch.make();
  await Deno.mkdir(scratch.join("overlay", "rm-7", "fs"), { recursive: true });
  await using overlay = await openOverlay(scratch.join("overlay"));
  assert.deepEqual(await overlay.ids(), []);
  await overlay[Symbol.asyncDispose]();
  assert.deepEqual([...Deno.readDirSync(scratch.join("overlay"))], []);
});

Deno.test("overlayfs: options that are asked for come last, and in place of those that would contradict", async () => {
  await using scratch = await Scratch.make();
  const optionsWith = async (...mountOptions: string[]) => {
    await using overlay = await openOverlay(scratch.join("overlay"), { mountOptions });
    return overlay.mounts("3", ["2", "1"], "view")[0]!.options.filter((one) => !one.startsWith("lowerdir="));
  };
  const plain = await optionsWith();
  assert.deepEqual(await optionsWith("metacopy=on", "volatile"), [...plain, "metacopy=on", "volatile"]);
  assert.deepEqual(await optionsWith("index=on"), ["index=on"]);
});

Deno.test("overlayfs: a file system that doesn't tell types is refused", async () => {
  await using scratch = await Scratch.make();
  const image = scratch.join("image");
  await must("truncate", ["--size", "16M", image]);
  await must("mkfs.ext4", ["-q", "-O", "^filetype", image]);
  await Deno.mkdir(scratch.join("root"));
  await must("mount", ["-o", "loop", image, scratch.join("root")]);
  await assert.rejects(
    openOverlay(scratch.join("root", "overlay")),
    /root\/overlay \(ext4\) does not support d_type; an xfs has to be made with ftype=1/,
  );
});

Deno.test("overlayfs: in a user namespace overlays have attributes of the user's own", async () => {
  await using scratch = await Scratch.make();
  const script = new URL("user_namespace.ts", import.meta.url).pathname;
  const deno = [Deno.execPath(), "run", "-A", script, scratch.join("overlay")];
  const said = JSON.parse(await must("unshare", ["--user", "--map-root-user", "--mount", ...deno]));
  assert.deepEqual(said, { userxattr: true, stages: false, left: ["new"], kept: ["a", "b"] });
  const below = scratch.join("overlay", "2", "fs");
  assert.match(
    await must("getfattr", ["-d", "-m", "user.overlay", "--absolute-names", `${below}/d`]),
    /opaque/,
  );
});

Deno.test("overlayfs: where the kernel can't show other owners, files are copied for them", async () => {
  await using scratch = await Scratch.make();
  const root = scratch.join("ram");
  await Deno.mkdir(root);
  await must("mount", ["-t", "ramfs", "ramfs", root]);
  await using overlay = await openOverlay(`${root}/overlay`);
  for (const [id, parents] of [["1", []], ["2", ["1"]]] as const) await overlay.create(id, parents, "active");
  const files =
    "cd $1; cp /bin/true setid; chown 7:8 setid; chmod 6755 setid; ln setid hard; ln -s x link; echo a >a";
  await must("sh", ["-ec", files, "sh", `${root}/overlay/1/fs`]);
  const ids = [{ containerID: 0, hostID: 100000, size: 1000 }];
  const mappings = { uids: ids, gids: ids };
  const target = scratch.join("target");
  await Deno.mkdir(target);
  for (const [id, kind] of [["3", "active"], ["4", "view"]] as const) {
    await overlay.create(id, ["2", "1"], kind, mappings);
    const mounts = overlay.mounts(id, ["2", "1"], kind, mappings);
    assert.doesNotMatch(mounts[0]!.options.join(), /idmap/);
    mountAll(mounts, target);
    const shown = await must("stat", ["-c", "%n %a %u:%g", ".", "setid", "hard", "link", "a"], {
      cwd: target,
    });
    assert.equal(
      shown,
      ". 755 100000:100000\nsetid 6755 100007:100008\nhard 6755 100007:100008\nlink 777 100000:100000\na 644 100000:100000\n",
    );
    await unmountAll(target);
  }
  assert.equal(await must("stat", ["-c", "%u:%g", `${root}/overlay/1/fs/setid`]), "7:8\n");
});
