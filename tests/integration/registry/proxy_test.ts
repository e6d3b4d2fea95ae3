/** Registries behind a proxy, whose names nobody but the proxy knows. */
import assert from "node:assert/strict";
import {
  Authority,
  ForwardProxy,
  push,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { noiseImage, writeHosts } from "./images.ts";

Deno.test("the daemon and its Workers, and commands, reach registries by HTTP_PROXY and HTTPS_PROXY", async () => {
  await using scratch = await Scratch.make("shm");
  const authority = await Authority.make(scratch.join("own"));
  await using plain = await startRegistry({ where: "shm" });
  const local = await push(await noiseImage(scratch), plain, "noise:1");
  await using secure = await startRegistry({ tls: await authority.issue("registry"), data: plain.data });
  await using proxy = new ForwardProxy({
    "registry.test:443": secure.host,
    "registry.test:80": plain.host,
    "spared.test:443": secure.host,
    "mirror.test:443": secure.host,
  });
  const env = {
    HTTP_PROXY: `http://me:pass%40word@${proxy.host}`,
    HTTPS_PROXY: `http://me:pass%40word@${proxy.host}`,
    NO_PROXY: "spared.test",
  };
  const dir = scratch.join("certs.d");
  await writeHosts(dir, "_default", `ca = "${authority.cert}"\n[host]\n`);
  await writeHosts(dir, "mirror.test", "skip_verify = true\n");
  await using longshore = await startLongshore({
    where: "shm",
    env,
    config: `[plugins."io.containerd.transfer.v1.local"]\nconfig_path = "${dir}"\n`,
  });
  const pull = async (reference: string, ...flags: string[]) => {
    proxy.asked.length = 0;
    const { code, stderr } = await longshore.ctr(["images", "pull", ...flags, reference]);
    assert.equal(code, 0, stderr);
    await longshore.ctr(["images", "rm", "--sync", reference]);
    return [...new Set(proxy.asked.map((line) => line.replace(/(blobs|manifests)\/.*/, "$1")))].sort();
  };
  assert.deepEqual(await pull("registry.test/noise:1"), ["CONNECT registry.test:443"]);
  assert.deepEqual(await pull("mirror.test/noise:1"), ["CONNECT mirror.test:443"], "unverified");
  assert.deepEqual([...proxy.shown], [`Basic ${btoa("me:pass@word")}`]);
  assert.deepEqual(await pull("registry.test/noise:1", "--plain-http"), [
    "GET http://registry.test/v2/noise/blobs",
    "GET http://registry.test/v2/noise/manifests",
    "HEAD http://registry.test/v2/noise/manifests",
  ]);
  assert.deepEqual(await pull(local), [], "this machine is asked without a proxy");
  const spared = await longshore.ctr(["images", "pull", "spared.test/noise:1"]);
  assert.match(spared.stderr, /spared\.test.*(dns|resolve|not known)/s);
  const tested = await longshore.ctr(["registry", "test", "registry.test"]);
  assert.match(tested.stdout, new RegExp(`proxy +http://${proxy.host}\n`));
  assert.doesNotMatch(tested.stdout, /pass/);

  // A long push by the daemon's Worker, and one by the command itself, which has a proxy of its own.
  await longshore.ctr(["images", "pull", local]);
  proxy.asked.length = 0;
  const pushed = await longshore.ctr(["images", "push", "registry.test/again:1", local]);
  assert.equal(pushed.code, 0, pushed.stderr);
  const own = await longshore.ctr([
    "images",
    "push",
    "--local",
    "--hosts-dir",
    dir,
    "mirror.test/own:1",
    local,
  ], { env });
  assert.equal(own.code, 0, own.stderr);
  assert.deepEqual([...new Set(proxy.asked)].sort(), [
    "CONNECT mirror.test:443",
    "CONNECT registry.test:443",
  ]);

  // Debian's ctr, which pulls by itself, does the same.
  await using containerd = await startContainerd("shm");
  proxy.asked.length = 0;
  const theirs = await containerd.ctr(["images", "pull", "--hosts-dir", dir, "registry.test/noise:1"], {
    env,
  });
  assert.equal(theirs.code, 0, theirs.stderr);
  assert.deepEqual([...new Set(proxy.asked)], ["CONNECT registry.test:443"]);
});
