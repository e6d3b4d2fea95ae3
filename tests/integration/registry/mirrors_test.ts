/** One configuration of mirrors, for the daemon, its commands and Debian's ctr. */
import assert from "node:assert/strict";
import {
  busyboxImage,
  push,
  type Registry,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { Front, FullListener } from "./front.ts";
import { noiseImage, writeHosts } from "./images.ts";

const name = "registry.test/noise:1";

async function seeded(scratch: Scratch): Promise<Registry> {
  const registry = await startRegistry({ where: "shm" });
  await push(await noiseImage(scratch), registry, "noise:1");
  return registry;
}

Deno.test("mirrors are asked in the order, at the addresses and for the registry that Debian's ctr asks them for", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await seeded(scratch);
  await using pushOnly = new Front(registry.host);
  await using empty = new Front(registry.host, () => new Response("", { status: 404 }));
  await using good = new Front(registry.host, undefined, "/own");
  await using server = new Front(registry.host);
  const dir = scratch.join("certs.d");
  await writeHosts(
    dir,
    "_default",
    `server = "http://${server.host}"
[host."http://${empty.host}"]
capabilities = ["pull", "resolve"]
[host."http://${good.host}/own/v2"]
capabilities = ["pull", "resolve"]
override_path = true
[host."http://${good.host}/own/v2".header]
x-colour = ["blue"]
[host."http://${pushOnly.host}"]
capabilities = ["push"]
`,
  );
  await using containerd = await startContainerd("shm");
  await using longshore = await startLongshore({
    where: "shm",
    config: `[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "/nowhere:${dir}"\n`,
  });
  const theirs = await containerd.ctr(["images", "pull", "--hosts-dir", dir, name]);
  assert.equal(theirs.code, 0, theirs.stderr);
  const asked = () => [pushOnly, empty, good, server].map((front) => front.take());
  const expected = asked();
  const colours = () => good.asked.map(({ headers }) => headers.get("x-colour"));
  assert.equal(expected[2]!.every((line) => line.endsWith("?ns=registry.test")), true);

  const ours = await longshore.ctr(["images", "pull", name]);
  assert.equal(ours.code, 0, ours.stderr);
  assert.deepEqual([...new Set(colours())], ["blue"]);
  const [none, tried, fetched, last] = asked();
  assert.deepEqual([none, last], [[], []]);
  assert.deepEqual([none, last], [expected[0], expected[3]]);
  assert.ok(tried!.includes("HEAD /v2/noise/manifests/1?ns=registry.test"));
  assert.deepEqual(
    fetched!.filter((line) => line.startsWith("GET /own/v2/noise/blobs/")),
    expected[2]!.filter((line) => line.startsWith("GET /own/v2/noise/blobs/")),
  );

  // Debian's 1.6 asks mirrors that only take pushes for content, too, if they come first: ours never does.
  // A push goes to the first that takes pushes, --hosts-dir wins over the daemon's own.
  assert.equal((await longshore.ctr(["images", "push", "registry.test/again:1", name])).code, 0);
  assert.ok(pushOnly.take().some((line) => line.startsWith("PUT /v2/again/manifests/1")));
  asked();
  const other = scratch.join("other.d");
  await writeHosts(other, "registry.test", `server = "http://${server.host}"\n`);
  await longshore.ctr(["images", "rm", "--sync", name]);
  assert.equal((await longshore.ctr(["images", "pull", "--hosts-dir", other, name])).code, 0);
  const [first, second, third, only] = asked();
  assert.deepEqual([first, second, third], [[], [], []]);
  assert.ok(only!.length > 0);
});

Deno.test("mirrors that fail are passed by, a login is for its registry alone, and `ctr registry test` tells", async () => {
  await using scratch = await Scratch.make("shm");
  const user = { name: "alice", password: "s3cret" };
  await using plain = await seeded(scratch);
  await push(await busyboxImage(scratch), plain, "box:1");
  await using registry = await startRegistry({ user, data: plain.data });
  const asks = () => new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } });
  await using asking = new Front(registry.host, asks);
  await using broken = new Front(
    registry.host,
    () => new Response("", { status: 503, headers: { "retry-after": "0" } }),
  );
  await using html = new Front(
    registry.host,
    () => new Response("<html>", { headers: { "content-type": "text/html" } }),
  );
  using full = await FullListener.make();
  const dir = scratch.join("certs.d");
  const config = scratch.join("docker");
  await Deno.mkdir(config);
  const auths = { "https://registry.test/v2/": { auth: btoa("alice:s3cret") } };
  await Deno.writeTextFile(`${config}/config.json`, JSON.stringify({ auths }));
  const mirrors = [asking, broken, html].map(({ host }) => `[host."http://${host}"]\n`).join("");
  const slow = `[host."http://${full.host}"]\ndial_timeout = "300ms"\n`;
  await writeHosts(dir, "registry.test", `server = "http://${registry.host}"\n${slow}${mirrors}`);
  await using longshore = await startLongshore({
    where: "shm",
    config: `[plugins."io.containerd.transfer.v1.local"]\nconfig_path = "${dir}"\n`,
  });
  const env = { DOCKER_CONFIG: config };
  const pulled = await longshore.ctr(["images", "pull", name], { env });
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.deepEqual([asking, broken, html].map(({ asked }) => asked.length > 0), [true, true, true]);
  for (const { headers } of [asking, broken, html].flatMap(({ asked }) => asked)) {
    assert.equal(headers.get("authorization"), null);
  }
  // Each blob's Worker has the registry's own credentials for the registry, too.
  const run = await longshore.ctr(["run", "--rm", "registry.test/box:1", "one", "echo", "hello"], { env });
  assert.equal(run.stdout, "hello\n", run.stderr);

  const { code, stdout } = await longshore.ctr(["registry", "test", "registry.test"], { env });
  assert.equal(code, 0, stdout);
  const parts = stdout.split("\n\n");
  assert.equal(parts[0], `registry.test, as the daemon at ${longshore.address} sees it`);
  assert.match(
    parts[1]!,
    new RegExp(`looked for +${dir}/registry.test\n +taken +${dir}/registry.test/hosts.toml$`),
  );
  const expected = [
    `1\\. mirror http://${full.host}/v2\n.*dial timeout +300 ms\n.*no connection within dial_timeout, 300 ms.*\n +-> `,
    `2\\. mirror http://${asking.host}/v2\n.*credentials +none\n.*401.*basic.*\n.*there are none\n +-> log in .*ctr login ${asking.host}`,
    `3\\. mirror http://${broken.host}/v2\n.*answer +503.*\n +problem +answers 503\n`,
    `4\\. mirror http://${html.host}/v2\n.*not as a registry does`,
    `5\\. server http://${registry.host}/v2\n.*credentials +user alice, from ${config}/config.json\n +answer +200`,
  ];
  expected.forEach((text, n) => assert.match(parts[n + 2]!, new RegExp(text, "s")));
  assert.doesNotMatch(stdout, /s3cret|YWxpY2U/);

  await Deno.writeTextFile(`${dir}/registry.test/hosts.toml`, `server = "http://${asking.host}"\n`);
  const refused = await longshore.ctr(["registry", "test", "registry.test"], { env });
  assert.equal(refused.code, 1);
  assert.match(
    refused.stdout,
    /problem +the credentials are refused\n +-> log in .*: ctr login registry\.test\n/,
  );
  await Deno.writeTextFile(`${dir}/registry.test/hosts.toml`, "[host\n");
  const bad = await longshore.ctr(["registry", "test", "registry.test"], { env });
  assert.deepEqual([bad.code, bad.stdout], [1, ""]);
  assert.match(bad.stderr, new RegExp(`^ctr: ${dir}/registry.test/hosts.toml:1: `));
});

Deno.test("without a daemon `ctr registry test` and `ctr login` look where one would, and start none", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ user: { name: "alice", password: "right" } });
  const dir = scratch.join("certs.d");
  await writeHosts(dir, "registry.test", `server = "http://${registry.host}"\n`);
  const { ctrPath, run } = await import("../../harness/mod.ts");
  const address = ["--address", scratch.join("none.sock")];
  const env = { DOCKER_CONFIG: scratch.join("docker") };
  const input = { env, stdin: "right" };
  const how = ["-u", "alice", "--password-stdin", "--hosts-dir", dir, "registry.test"];
  const login = await run(ctrPath, [...address, "login", ...how], input);
  assert.equal(login.code, 0, login.stderr);
  const tested = await run(ctrPath, [...address, "registry", "test", "--hosts-dir", dir, "registry.test"], {
    env,
  });
  assert.equal(tested.code, 0, tested.stderr);
  assert.match(tested.stdout, /^registry\.test, as this command \(no daemon can be reached\) sees it\n/);
  const usual = await run(ctrPath, [...address, "registry", "test", registry.host], { env });
  assert.equal(usual.code, 1);
  assert.match(usual.stdout, /looked for +\/etc\/longshore\/certs\.d\/127\.0\.0\.1_/);
  assert.match(usual.stdout, /\/etc\/containerd\/certs\.d\/_default\n/);
});
