/** `ctr images push` against real registries; skopeo and Debian's ctr read what it has pushed. */
import assert from "node:assert/strict";
import {
  busyboxImage,
  ctrPath,
  must,
  type Output,
  push,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { Client } from "../../../mod.ts";
import { digestOf, fetched, pushIndex, stored } from "./real.ts";

const user = { name: "alice", password: "s3cret" };
const creds = `${user.name}:${user.password}`;

async function succeeds(output: Promise<Output>): Promise<string> {
  const { code, stdout, stderr } = await output;
  assert.equal(code, 0, stderr + stdout);
  return stdout;
}

async function fails(output: Promise<Output>): Promise<string> {
  const { code, stdout, stderr } = await output;
  assert.equal(code, 1, stdout + stderr);
  return stderr;
}

Deno.test("what ctr pushes, skopeo and Debian's ctr pull, byte for byte", async (t) => {
  await using scratch = await Scratch.make("shm");
  await using source = await startRegistry({ where: "shm" });
  await using open = await startRegistry({ where: "shm" });
  await using closed = await startRegistry({ where: "shm", user });
  await using daemon = await startLongshore({ where: "shm" });
  await using containerd = await startContainerd("shm");
  const from = await push(await busyboxImage(scratch), source, "box:1");
  const original = await stored(from);
  const blobs = await fetched(from, scratch.join("original"));
  await succeeds(daemon.ctr(["images", "pull", from]));

  await t.step("to an open registry", async () => {
    const to = `${open.host}/team/box:v1`;
    const output = await succeeds(daemon.ctr(["images", "push", to, from]));
    assert.match(output, /^layer-sha256:[0-9a-f]{64}: complete \(/m);
    assert.match(output, /^manifest-sha256:[0-9a-f]{64}: complete \(/m);
    assert.match(output, /^elapsed: /m);
    assert.equal((await stored(to)).text, original.text);
    assert.deepEqual(await fetched(to, scratch.join("open")), blobs);
    await succeeds(containerd.ctr(["images", "pull", "--plain-http", to]));
    const there = (await succeeds(containerd.ctr(["content", "ls", "-q"]))).trim().split("\n");
    assert.deepEqual(there.sort(), blobs);
  });

  await t.step("a second time nothing is sent", async () => {
    const to = `${open.host}/team/box:v1`;
    const before = open.requests().length;
    const output = await succeeds(daemon.ctr(["images", "push", to, from]));
    assert.match(output, /^manifest-sha256:[0-9a-f]{64}: already exists /m);
    assert.deepEqual(open.requests().slice(before).filter((line) => !line.startsWith("HEAD ")), []);
  });

  await t.step("to another repository of the same registry, blobs are mounted", async () => {
    const to = `${open.host}/other/box:v1`;
    const before = open.requests().length;
    assert.match(await succeeds(daemon.ctr(["images", "push", to, from])), /^layer-\S+ mounted /m);
    const sent = open.requests().slice(before).filter((line) => /^(PUT|PATCH) .*\/blobs\//.test(line));
    assert.deepEqual(sent, []);
    assert.deepEqual(await fetched(to, scratch.join("mounted")), blobs);
  });

  await t.step("to a registry that asks for a password", async () => {
    const to = `${closed.host}/box:v1`;
    assert.match(await fails(daemon.ctr(["images", "push", to, from])), /answers 401/);
    assert.match(await fails(daemon.ctr(["images", "push", "-u", "alice:wrong", to, from])), /answers 401/);
    await succeeds(daemon.ctr(["images", "push", "-u", creds, to, from]));
    assert.deepEqual(await fetched(to, scratch.join("closed"), creds), blobs);
  });

  await t.step("through the client, which needs no Transfer service", async () => {
    const to = `${open.host}/local:v1`;
    await succeeds(
      daemon.ctr(["images", "push", "--local", "--max-concurrent-uploaded-layers", "1", to, from]),
    );
    assert.equal((await stored(to)).text, original.text);
    const bare = `${open.host}/bare:v1`;
    await succeeds(daemon.ctr(["images", "push", "--manifest", original.digest, bare]));
    assert.deepEqual(await fetched(bare, scratch.join("bare")), blobs);
  });

  await t.step("Debian's ctr pushes what we have, too", async () => {
    const to = `${open.host}/go:v1`;
    await succeeds(daemon.goCtr(["images", "push", "--plain-http", to, from]));
    assert.deepEqual(await fetched(to, scratch.join("go")), blobs);
  });

  await t.step(
    "on a terminal each blob has a line that is redrawn, and the colours may be turned off",
    async () => {
      const args = ["--address", daemon.address, "images", "push", `${open.host}/terminal:v1`, from];
      const command = [ctrPath, ...args].join(" ");
      const env = { TERM: "xterm", NO_COLOR: "1" };
      const drawn = await must("script", ["--quiet", "--return", "--command", command, "/dev/null"], { env });
      const layer = `layer-${original.json.layers[0].digest}`;
      assert.match(
        drawn.replaceAll("\x1b", "ESC"),
        /ESC\[\d+AESC\[2K/,
        "the cursor goes up, lines are drawn over",
      );
      const last = drawn.slice(drawn.lastIndexOf(layer.slice(0, 12)));
      assert.match(last, /^layer-sha256\S*\s+(complete|mounted)\s/);
      assert.match(drawn, /elapsed: /);
      assert.ok(!drawn.includes("\x1b[32m"));
    },
  );

  await t.step("by a hosts.toml, to the first host that takes pushes", async () => {
    const dir = scratch.join("certs.d", "registry.test");
    await Deno.mkdir(dir, { recursive: true });
    await Deno.writeTextFile(
      `${dir}/hosts.toml`,
      `server = "https://registry.test"
[host."http://${source.host}"]
  capabilities = ["pull", "resolve"]
[host."http://${open.host}"]
  capabilities = ["pull", "resolve", "push"]
`,
    );
    const before = source.requests().length;
    const hosts = ["--hosts-dir", scratch.join("certs.d")];
    for (const local of [[], ["--local"]]) {
      const to = `by/hosts${local.length}:v1`;
      await succeeds(daemon.ctr(["images", "push", ...hosts, ...local, `registry.test/${to}`, from]));
      assert.equal((await stored(`${open.host}/${to}`)).text, original.text);
    }
    assert.equal(source.requests().length, before);
  });

  await t.step("what isn't there is said", async () => {
    const to = `${open.host}/none:v1`;
    assert.match(await fails(daemon.ctr(["images", "push", to])), /image .*none:v1.*not found/);
    const other = `${open.host}/x@sha256:${"1".repeat(64)}`;
    assert.match(
      await fails(daemon.ctr(["images", "push", other, from])),
      /under a reference with the digest/,
    );
    assert.match(await fails(daemon.ctr(["images", "push"])), /please provide a remote image reference/);
  });
});

Deno.test("of an image for many platforms those are pushed that are here, and it is said which aren't", async (t) => {
  await using scratch = await Scratch.make("shm");
  await using source = await startRegistry({ where: "shm" });
  await using other = await startRegistry({ where: "shm" });
  await using daemon = await startLongshore({ where: "shm" });
  const from = await pushIndex(scratch, source);
  const whole = await stored(from);
  const [amd64, arm64] = whole.json.manifests;
  await succeeds(daemon.ctr(["images", "pull", "--no-unpack", "--platform", "linux/amd64", from]));

  await t.step("the only one as an image by itself", async () => {
    const to = `${other.host}/one:1`;
    const output = await succeeds(daemon.ctr(["images", "push", to, from]));
    assert.match(output, /^not here, so not pushed: linux\/arm64, linux\/riscv64$/m);
    assert.ok(output.includes(`ctr images pull --all-platforms ${from}`), output);
    assert.equal((await stored(to)).digest, amd64.digest);
  });

  await t.step("all of them if the registry has the others already", async () => {
    const to = `${source.host}/box:again`;
    await succeeds(daemon.ctr(["images", "push", to, from]));
    assert.equal((await stored(to)).digest, whole.digest);
  });

  await t.step("asked for and not here: an error with the platform and the command that helps", async () => {
    const to = `${other.host}/missing:1`;
    const one = await fails(daemon.ctr(["images", "push", "--platform", "linux/arm64", to, from]));
    assert.ok(one.includes("linux/arm64 is not all here"), one);
    assert.ok(one.includes(`ctr images pull --platform linux/arm64 ${from}`), one);
    const all = await fails(daemon.ctr(["images", "push", "--all-platforms", to, from]));
    assert.ok(all.includes(`ctr images pull --all-platforms ${from}`), all);
    assert.match(
      await fails(daemon.ctr(["images", "push", "--platform", "linux/s390x", to, from])),
      /no image for/,
    );
    // The command that was named does help.
    await succeeds(daemon.ctr(["images", "pull", "--no-unpack", "--platform", "linux/arm64", from]));
    await succeeds(daemon.ctr(["images", "push", "--platform", "linux/arm64", to, from]));
    assert.equal((await stored(to)).digest, arm64.digest);
  });

  await t.step("several as an index of these", async () => {
    const to = `${other.host}/two:1`;
    await succeeds(daemon.ctr(["images", "push", to, from]));
    const { json } = await stored(to);
    assert.deepEqual(json, { ...whole.json, manifests: [amd64, arm64] });
    await fetched(to, scratch.join("two"));
  });

  await t.step("all, when all are here, with the very same index", async () => {
    const to = `${other.host}/all:1`;
    await succeeds(daemon.ctr(["images", "pull", "--no-unpack", "--all-platforms", from]));
    await succeeds(daemon.ctr(["images", "push", "--all-platforms", to, from]));
    assert.equal((await stored(to)).text, whole.text);
    assert.deepEqual(await fetched(to, scratch.join("all")), await fetched(from, scratch.join("from")));
  });
});

Deno.test("layers that aren't here come from where the image came from, or are named with the command that helps", async () => {
  await using scratch = await Scratch.make("shm");
  await using source = await startRegistry({ where: "shm" });
  await using other = await startRegistry({ where: "shm" });
  await using daemon = await startLongshore({ where: "shm" });
  const from = await push(await busyboxImage(scratch), source, "box:1");
  await succeeds(daemon.ctr(["images", "pull", from]));
  const { json } = await stored(from);
  const layer = json.layers[0].digest;
  await succeeds(daemon.ctr(["content", "rm", layer]));
  const near = `${source.host}/near:1`;
  await succeeds(daemon.ctr(["images", "push", near, from]));
  await fetched(near, scratch.join("near"));
  const far = `${other.host}/far:1`;
  const error = await fails(daemon.ctr(["images", "push", far, from]));
  assert.ok(error.includes(`layer ${layer}`) && error.includes(`ctr images pull`), error);
  assert.ok(!error.includes("content digest"), error);
  await succeeds(daemon.ctr(["images", "pull", from]));
  await succeeds(daemon.ctr(["images", "push", far, from]));
});

Deno.test("layers that registries may not hold are pushed only if the user says so", async () => {
  await using scratch = await Scratch.make("shm");
  await using source = await startRegistry({ where: "shm" });
  await using other = await startRegistry({ where: "shm" });
  await using daemon = await startLongshore({ where: "shm" });
  const from = await push(await busyboxImage(scratch), source, "box:1");
  await succeeds(daemon.ctr(["images", "pull", "--no-unpack", from]));
  const { json } = await stored(from);
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
  const layers = [{ ...json.layers[0], mediaType: foreign }];
  const manifest = JSON.stringify({ ...json, mediaType, layers });
  const bytes = new TextEncoder().encode(manifest);
  const digest = digestOf(bytes);
  await using client = await Client.connect(daemon.address, { namespace: "default" });
  // The collection that follows a pull takes what nobody refers to.
  const labels = { "containerd.io/gc.root": "test" };
  await client.content.write("foreign", [bytes], { expected: digest, labels });
  const pushed = async (name: string, ...flags: string[]) => {
    const to = `${other.host}/${name}:1`;
    const { code, stderr } = await daemon.ctr(["images", "push", ...flags, "--manifest", digest, to]);
    const blob = await fetch(`http://${other.host}/v2/${name}/blobs/${json.layers[0].digest}`, {
      method: "HEAD",
    });
    return { code, stderr, layer: blob.status };
  };
  const without = await pushed("without");
  // This registry wants an address for such a layer; that the layer wasn't sent is what counts here.
  assert.equal(without.layer, 404, without.stderr);
  const within = await pushed("within", "--allow-non-distributable-blobs");
  assert.deepEqual([within.code, within.layer], [0, 200], within.stderr);
});
