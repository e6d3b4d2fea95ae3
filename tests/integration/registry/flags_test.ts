/** Flags of commands that reach registries, and what comes of answers that ask for patience. */
import assert from "node:assert/strict";
import {
  Authority,
  busyboxImage,
  must,
  push,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { Front } from "./front.ts";
import { noiseImage, writeHosts } from "./images.ts";

Deno.test("requests are shown by --http-trace and --http-dump, in all that make them, without secrets", async () => {
  await using scratch = await Scratch.make("shm");
  const user = { name: "alice", password: "s3cret" };
  await using plain = await startRegistry({ where: "shm" });
  await push(await noiseImage(scratch), plain, "noise:1");
  await using registry = await startRegistry({ user, data: plain.data });
  await using longshore = await startLongshore({ where: "shm" });
  const dir = scratch.join("certs.d");
  await writeHosts(
    dir,
    registry.host,
    `server = "http://${registry.host}"\n[header]\nx-api-key = "s3cret"\n`,
  );
  const reference = `${registry.host}/noise:1`;
  const flags = ["--http-dump", "--http-trace", "--hosts-dir", dir, "--user", "alice:s3cret"];
  const pulled = await longshore.ctr(["images", "pull", ...flags, reference]);
  assert.equal(pulled.code, 0, pulled.stderr);
  const base = `http://${registry.host}/v2/noise`;
  assert.match(
    pulled.stderr,
    new RegExp(`^> HEAD ${base}/manifests/1\n(> .*\n)*< 401\n(< .*\n)*< www-authenticate: Basic`, "m"),
  );
  assert.match(pulled.stderr, new RegExp(`^HEAD ${base}/manifests/1 -> 200 \\S+ in \\d+ ms$`, "m"));
  assert.match(pulled.stderr, /^> authorization: Basic <redacted>$/m);
  assert.match(pulled.stderr, /^> x-api-key: <redacted>$/m);
  const blobs = pulled.stderr.match(new RegExp(`^GET ${base}/blobs/sha256:\\w+ -> 200 `, "gm"));
  assert.equal(new Set(blobs).size, 2, "a config, and a layer that a Worker fetched");
  for (const way of [[], ["--local"]]) {
    const target = `${registry.host}/again${way.length}:1`;
    const { code, stderr } = await longshore.ctr(["images", "push", ...way, ...flags, target, reference]);
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      new RegExp(`^PUT http://${registry.host}/v2/again${way.length}/manifests/1 -> 201`, "m"),
    );
    assert.doesNotMatch(stderr, /s3cret|YWxpY2U|_state=(?!redacted)/);
  }
  assert.doesNotMatch(pulled.stderr, /s3cret|YWxpY2U/);
  const unverified = await longshore.ctr(["images", "pull", "-k", "--user", "alice:s3cret", reference]);
  assert.equal(unverified.code, 0, "a server on this machine may speak plain http all the same");
  const quiet = await longshore.ctr([
    "images",
    "pull",
    "--hosts-dir",
    dir,
    "--user",
    "alice:s3cret",
    reference,
  ]);
  assert.deepEqual([quiet.code, quiet.stderr], [0, ""]);
});

Deno.test("run pulls what is missing, and repair fetches what is lost, by the same flags", async () => {
  await using scratch = await Scratch.make("shm");
  const authority = await Authority.make(scratch.join("own"));
  const user = { name: "alice", password: "s3cret" };
  await using plain = await startRegistry({ where: "shm" });
  await push(await busyboxImage(scratch), plain, "box:1");
  const tls = await authority.issue("registry");
  await using registry = await startRegistry({ user, tls, data: plain.data });
  await using longshore = await startLongshore({ where: "shm" });
  const reference = `${registry.host}/box:1`;
  const run = (id: string, ...flags: string[]) =>
    longshore.ctr(["run", "--rm", ...flags, reference, id, "echo", "hello"]);
  const flags = ["--tlscacert", authority.cert];
  assert.match((await run("one", ...flags)).stderr, /could not be pulled: .*401/);
  assert.match((await run("two", "--registry-user", "alice:s3cret")).stderr, /could not be pulled/);
  const { stdout, stderr } = await run("three", ...flags, "--registry-user", "alice:s3cret", "--user", "0:0");
  assert.equal(stdout, "hello\n", stderr);

  const { layers } = JSON.parse(
    await must("skopeo", [
      ...["inspect", "--raw", "--tls-verify=false", `docker://${plain.host}/box:1`],
    ]),
  );
  const path = `${longshore.root}/content/blobs/sha256/${layers[0].digest.slice(7)}`;
  await Deno.chmod(path, 0o644);
  await Deno.writeTextFile(path, "lost");
  const config = scratch.join("docker");
  await Deno.mkdir(config);
  const auths = { [registry.host]: { auth: btoa("alice:s3cret") } };
  await Deno.writeTextFile(`${config}/config.json`, JSON.stringify({ auths }));
  const repair = (env?: Record<string, string>) =>
    longshore.ctr(["images", "repair", "-k", reference], { env });
  assert.match((await repair({ DOCKER_CONFIG: "/nowhere" })).stderr, /401/);
  const repaired = await repair({ DOCKER_CONFIG: config });
  assert.match(repaired.stdout, /: repaired\n$/, repaired.stderr);
});

Deno.test("a registry that asks for patience is waited for, as it says", async () => {
  await using scratch = await Scratch.make("shm");
  await using plain = await startRegistry({ where: "shm" });
  await push(await noiseImage(scratch), plain, "noise:1");
  const seen = new Map<string, number>();
  const busy = (status: number, headers: Record<string, string>) => (line: string) => {
    const times = (seen.get(line) ?? 0) + 1;
    seen.set(line, times);
    return times === 1 ? new Response("", { status, headers }) : undefined;
  };
  await using longshore = await startLongshore({ where: "shm" });
  for (const status of [429, 500, 503]) {
    const refuse = busy(status, { "retry-after": "0" });
    await using front = new Front(plain.host, ({ line }) => refuse(line));
    const reference = `${front.host}/noise:1`;
    const { code, stderr } = await longshore.ctr(["images", "pull", reference]);
    assert.equal(code, 0, stderr);
    assert.ok([...seen.values()].every((times) => times === 2), "each request was made again, once");
    seen.clear();
    await longshore.ctr(["images", "rm", "--sync", reference]);
  }
});

Deno.test("a daemon without a Transfer service is pulled to through the command, by the same configuration", async () => {
  await using scratch = await Scratch.make("shm");
  const user = { name: "alice", password: "s3cret" };
  await using plain = await startRegistry({ where: "shm" });
  await push(await noiseImage(scratch), plain, "noise:1");
  await using registry = await startRegistry({ user, data: plain.data });
  await using containerd = await startContainerd("shm");
  const dir = scratch.join("certs.d");
  await writeHosts(dir, "registry.test", `server = "http://${registry.host}"\n`);
  await Deno.mkdir(scratch.join("docker"));
  const auths = { "registry.test": { auth: btoa("alice:s3cret") } };
  await Deno.writeTextFile(scratch.join("docker", "config.json"), JSON.stringify({ auths }));
  const { ctrPath, run } = await import("../../harness/mod.ts");
  const env = { DOCKER_CONFIG: scratch.join("docker") };
  const args = ["--address", containerd.address, "images", "pull", "--http-trace", "--hosts-dir", dir];
  const { code, stderr } = await run(ctrPath, [...args, "registry.test/noise:1"], { env });
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    new RegExp(`^GET http://${registry.host}/v2/noise/blobs/\\S+\\?ns=registry.test -> 200`, "m"),
  );
  assert.match((await containerd.ctr(["images", "ls"])).stdout, /registry\.test\/noise:1/);
});
