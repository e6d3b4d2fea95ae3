/** Single pieces of content between daemons and registries: our ctr beside Go's. */
import assert from "node:assert/strict";
import {
  busyboxImage,
  ctrPath,
  must,
  push,
  run,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { fails, listed, store, succeeds } from "../../integration/archives/support.ts";
import { stored } from "../../integration/push/real.ts";
import { containerd2 } from "../../harness/containerd2.ts";

Deno.test("pieces of content are fetched, pushed, edited and let go as by Go's ctr", async (t) => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  await using theirs = await startContainerd("shm");
  await using ours = await startLongshore({ where: "shm" });
  const image = await push(await busyboxImage(scratch), registry, "box:1");
  const { digest, text, json: manifest } = await stored(image);
  const [config, layer] = [manifest.config.digest, manifest.layers[0].digest];
  const both = async (...args: string[]) => [await theirs.ctr(args), await ours.ctr(args)] as const;
  const same = async (...args: string[]) => {
    const [a, b] = await both(...args);
    assert.deepEqual({ code: b.code, stdout: b.stdout }, { code: a.code, stdout: a.stdout }, b.stderr);
    return b.stdout;
  };

  await t.step("fetch takes all of an image and unpacks nothing", async () => {
    for (const { code, stderr } of await both("content", "fetch", "--plain-http", image)) {
      assert.equal(code, 0, stderr);
    }
    assert.deepEqual(await store(ours), { images: [image], content: [config, digest, layer].sort() });
    assert.deepEqual(
      (await same("content", "ls", "-q")).trim().split("\n").sort(),
      [config, digest, layer].sort(),
    );
    assert.equal((await same("snapshots", "ls")).trim().split("\n").length, 1);
  });

  await t.step("fetch-object prints the manifest, fetch-blob what it names", async () => {
    assert.equal(await same("content", "fetch-object", "--plain-http", image), text);
    const blob = ["content", "fetch-blob", "--plain-http", image];
    assert.equal(
      await succeeds(ours.ctr([...blob, config])),
      await succeeds(ours.ctr(["content", "get", config])),
    );
    assert.equal(
      await succeeds(ours.ctr(["content", "fetch-object", "--plain-http", image, config])),
      await succeeds(ours.ctr(["content", "get", config])),
    );
    const sum = `"$@" | sha256sum`;
    const ctr = [ctrPath, "--address", ours.address, ...blob, layer];
    assert.ok(layer.includes((await must("sh", ["-ec", sum, "sh", ...ctr])).slice(0, 64)));
    assert.match(await fails(ours.ctr([...blob, `sha256:${"1".repeat(64)}`])), /not found/);
  });

  await t.step("push-object brings an image to a registry piece by piece", async () => {
    const to = `${registry.host}/new:1`;
    const object = (
      what: { digest: string; mediaType: string },
      on = to,
    ) => ["content", "push-object", "--plain-http", on, what.digest, what.mediaType];
    for (const piece of [manifest.config, ...manifest.layers]) await same(...object(piece));
    const target = { digest, mediaType: "application/vnd.oci.image.manifest.v1+json" };
    await succeeds(ours.ctr(object(target)));
    assert.equal((await stored(to)).text, text);
    const absent = { ...target, digest: `sha256:${"1".repeat(64)}` };
    const codes = (await both(...object(absent))).map(({ code }) => code);
    assert.deepEqual(codes, [1, 1]);
  });

  await t.step("edit makes a new blob, and what is no JSON or unchanged makes none", async () => {
    const edit = (...args: string[]) => ours.ctr(["content", "edit", ...args, config]);
    const edited = (await succeeds(edit("--validate", "json", "--editor", "sed -i s/amd64/arm64/"))).trim();
    assert.match(await succeeds(ours.ctr(["content", "get", edited])), /"architecture":"arm64"/);
    assert.match(await fails(edit("--validate", "json", "--editor", "sed -i s/{//")), /is no JSON/);
    assert.match(await fails(edit("--editor", "false")), /ended with 1: nothing is changed/);
    const codes = (await both("content", "edit", "--editor", "true", config)).map(({ code }) => code);
    assert.deepEqual(codes, [1, 1]);
    const text = await ours.ctr(["content", "edit", config], { env: { EDITOR: "sed -i s/amd64/riscv64/" } });
    assert.equal(text.code, 0, text.stderr);
  });

  await t.step("prune references lets packed layers go, and the image stays", async () => {
    const prune = ["content", "prune", "references"];
    const dry = await succeeds(ours.ctr([...prune, "--dry"]));
    assert.equal(dry, `${digest} containerd.io/gc.ref.content.l.0=${layer}\n`);
    assert.ok((await listed(ours, "content", "ls")).includes(layer));
    for (const { code, stderr } of await both(...prune)) assert.equal(code, 0, stderr);
    assert.equal(
      (await same("content", "ls", "-q")).trim().split("\n").sort().join(),
      [config, digest].sort().join(),
    );
    assert.deepEqual(await listed(ours, "images", "ls"), [image]);
  });

  await t.step("images prune takes what no container uses", async () => {
    await succeeds(ours.ctr(["images", "pull", "--plain-http", image]));
    await succeeds(ours.ctr(["images", "tag", image, "spare.test/box:1"]));
    await succeeds(ours.ctr(["containers", "create", image, "user"]));
    assert.match(await fails(ours.ctr(["images", "prune"])), /--all/);
    assert.equal(await succeeds(ours.ctr(["images", "prune", "--all"])), "spare.test/box:1\n");
    assert.deepEqual(await listed(ours, "images", "ls"), [image]);
    await succeeds(ours.ctr(["containers", "rm", "user"]));
  });

  await t.step("pull, import and export past the Transfer service do the same", async () => {
    const tars = ["transfer", "local"].map((name) => scratch.join(`${name}.tar`));
    await succeeds(ours.ctr(["images", "export", tars[0]!, image]));
    await succeeds(ours.ctr(["images", "export", "--local", tars[1]!, image]));
    assert.deepEqual(await Deno.readFile(tars[1]!), await Deno.readFile(tars[0]!));
    const before = await store(ours);
    for (
      const args of [
        ["import", "--local", tars[1]!],
        ["pull", "--local", "--plain-http", image],
        ["pull", "--max-concurrent-downloads", "1", "--plain-http", image],
      ]
    ) {
      await succeeds(ours.ctr(["images", "rm", "--sync", image]));
      await succeeds(ours.ctr(["images", ...args]));
      assert.deepEqual(await store(ours), before, args.join(" "));
      assert.match(await succeeds(ours.ctr(["images", "check"])), /complete .* true/);
    }
  });
});

const two = containerd2();

Deno.test({
  name: "info, deprecations and sandboxes are printed as by the ctr of containerd 2",
  ignore: !two,
  fn: async () => {
    await using daemon = await startLongshore({ where: "shm" });
    for (const args of [["info"], ["deprecations", "list"], ["sandboxes", "ls"], ["sandboxes", "rm"]]) {
      const theirs = await run(two!.ctr, ["--address", daemon.address, ...args]);
      const ours = await daemon.ctr(args);
      assert.equal(ours.stdout, theirs.stdout, args.join(" "));
    }
  },
});

Deno.test("oci spec shows what Go's shows, with devices and the variables that images give", async () => {
  const [theirs, ours] = await Promise.all(
    ["/usr/bin/ctr", ctrPath].map((ctr) => must(ctr, ["oci", "spec"]).then(JSON.parse)),
  );
  for (const field of ["mounts", "hostname", "root", "hooks"]) {
    assert.deepEqual(ours[field], theirs[field], field);
  }
  assert.deepEqual(ours.linux.namespaces, theirs.linux.namespaces);
  assert.equal(ours.linux.cgroupsPath, theirs.linux.cgroupsPath);
  assert.deepEqual(ours.process.capabilities, theirs.process.capabilities);
});
