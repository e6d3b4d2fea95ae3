/** Commands that reach a registry past the daemon go by the daemon's configuration, where Go's ctr goes by none. */
import assert from "node:assert/strict";
import {
  ctrPath,
  push,
  type Registry,
  run,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { Front } from "./front.ts";
import { noiseImage, writeHosts } from "./images.ts";

const name = "registry.test/noise:1";

async function seeded(scratch: Scratch): Promise<Registry> {
  const registry = await startRegistry({ where: "shm" });
  await push(await noiseImage(scratch), registry, "noise:1");
  return registry;
}

Deno.test("pull and push --local and the commands of single blobs use the daemon's config_path", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await seeded(scratch);
  await using front = new Front(registry.host);
  await using other = new Front(registry.host);
  const dir = scratch.join("certs.d");
  await writeHosts(dir, "registry.test", `server = "http://${front.host}"\n[header]\nx-colour = "blue"\n`);
  const flagged = scratch.join("flagged.d");
  await writeHosts(flagged, "registry.test", `server = "http://${other.host}"\n`);
  await using longshore = await startLongshore({
    where: "shm",
    config: `[plugins."io.containerd.transfer.v1.local"]\nconfig_path = "${dir}"\n`,
  });
  const ctr = async (...args: string[]) => {
    const { code, stdout, stderr } = await longshore.ctr(args);
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  /** That the command asked the configured server for something, as configured. */
  const asked = (line: RegExp) => {
    assert.ok(
      front.asked.some((one) => line.test(one.line.replace(/\?.*/, ""))),
      `${line} in ${front.asked.map((a) => a.line)}`,
    );
    assert.deepEqual([...new Set(front.asked.map(({ headers }) => headers.get("x-colour")))], ["blue"]);
    assert.deepEqual(other.take(), []);
    front.take();
  };
  await ctr("images", "pull", "--local", name);
  asked(/^GET \/v2\/noise\/blobs\/sha256:/);
  await ctr("images", "push", "--local", "registry.test/again:1", name);
  asked(/^PUT \/v2\/again\/manifests\/1$/);
  await ctr("content", "fetch", name);
  asked(/^HEAD \/v2\/noise\/manifests\/1$/);
  const manifest = JSON.parse(await ctr("content", "fetch-object", name));
  asked(/^GET \/v2\/noise\/manifests\//);
  const { digest, mediaType } = manifest.config;
  await ctr("content", "fetch-blob", name, digest);
  asked(new RegExp(`^GET /v2/noise/blobs/${digest}$`));
  await ctr("content", "push-object", "registry.test/third:1", digest, mediaType);
  asked(/^POST \/v2\/third\/blobs\/uploads\//);

  // What the command line names comes in place of it.
  await ctr("content", "fetch-object", "--hosts-dir", flagged, name);
  assert.ok(other.take().length > 0);
  assert.deepEqual(front.take(), []);
});

Deno.test("with a daemon that isn't ours this host's own directories count, as registry test tells", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await seeded(scratch);
  await using front = new Front(registry.host);
  const dir = scratch.join("certs.d");
  await writeHosts(dir, "registry.test", `server = "http://${front.host}"\n`);
  await using containerd = await startContainerd("shm");
  // The usual directory, in a mount namespace of the command's own.
  const parent = scratch.join("etc");
  await Deno.mkdir(parent);
  const script = `mount -t overlay -o lowerdir=/etc,upperdir=${parent}/u,workdir=${parent}/w none /etc
    mkdir -p /etc/containerd && cp -r ${dir} /etc/containerd/ && exec "$@"`;
  await Promise.all(["u", "w"].map((part) => Deno.mkdir(`${parent}/${part}`)));
  const here = (...args: string[]) => run("unshare", ["-m", "sh", "-ec", script, "sh", ...args]);
  const theirs = await here("/usr/bin/ctr", "--address", containerd.address, "images", "pull", name);
  assert.notEqual(theirs.code, 0, "Go's ctr knows no directory but --hosts-dir's");
  assert.deepEqual(front.take(), []);
  const ours = await here(ctrPath, "--address", containerd.address, "images", "pull", name);
  assert.equal(ours.code, 0, ours.stderr);
  assert.ok(front.take().length > 0);
  const told = await here(ctrPath, "--address", containerd.address, "registry", "test", "registry.test");
  assert.match(told.stdout, /taken +\/etc\/containerd\/certs.d\/registry.test\/hosts.toml/);
});
