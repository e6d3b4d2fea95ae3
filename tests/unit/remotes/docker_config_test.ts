import assert from "node:assert/strict";
import { Code, codeOf } from "../../../lib/errors.ts";
import { findCredentials, keyFor, readDockerConfig } from "../../../lib/remotes/docker_config.ts";
import { askHelper } from "../../../lib/remotes/credential_helper.ts";
import { removeLogin, saveLogin } from "../../../lib/remotes/docker_login.ts";

const auth = (user: string) => ({ auth: btoa(user) });
const hub = "https://index.docker.io/v1/";

/** Entries of `auths`, the registry asked about, and what is found. */
const cases: [string, Record<string, unknown>, string, unknown][] = [
  ["a host", { "a.test": auth("u:p") }, "a.test", { username: "u", secret: "p" }],
  ["a port", { "a.test": auth("u:p"), "a.test:5000": auth("v:q") }, "a.test:5000", {
    username: "v",
    secret: "q",
  }],
  ["another port", { "a.test": auth("u:p") }, "a.test:5000", undefined],
  ["a longer name", { "a.test": auth("u:p") }, "a.test.evil.test", undefined],
  ["a scheme and a path", { "https://a.test/v1/": auth("u:p") }, "a.test", { username: "u", secret: "p" }],
  ["the plain name first", { "https://a.test": auth("u:p"), "a.test": auth("v:q") }, "a.test", {
    username: "v",
    secret: "q",
  }],
  ["docker's own", { [hub]: auth("u:p") }, "docker.io", { username: "u", secret: "p" }],
  ["docker's own by a newer name", { "docker.io": auth("u:p") }, "docker.io", { username: "u", secret: "p" }],
  ["a colon in a password", { "a.test": auth("u:p:q") }, "a.test", { username: "u", secret: "p:q" }],
  ["user and password", { "a.test": { username: "u", password: "p" } }, "a.test", {
    username: "u",
    secret: "p",
  }],
  ["an identity token", { "a.test": { ...auth("u:p"), identitytoken: "t" } }, "a.test", {
    refreshToken: "t",
  }],
  ["a registry token", { "a.test": { registrytoken: "t" } }, "a.test", { header: "Bearer t" }],
  ["an entry of a helper's", { "a.test": {} }, "a.test", undefined],
];

async function withConfig(json: unknown, work: (path: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/config.json`, typeof json === "string" ? json : JSON.stringify(json));
    await work(`${dir}/config.json`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

for (const [what, auths, host, expected] of cases) {
  Deno.test(`config.json: ${what}`, () =>
    withConfig({ auths }, async (path) => {
      const found = await findCredentials(await readDockerConfig(path), host);
      assert.deepEqual(found?.credentials, expected);
      if (found) assert.equal(found.from, path);
    }));
}

Deno.test("a config.json that can't be read is named, nothing of it is told", async () => {
  const bad: [string, RegExp][] = [
    ['{"auths": {"a.test": {"auth": "s3cret', /config\.json is not JSON: invalid argument$/],
    ['["s3cret"]', /is not a JSON object/],
    ['{"auths": "s3cret"}', /auths is not an object/],
    ['{"auths": {"a.test": {"auth": "s3cret%"}}}', /a\.test: auth is not base64/],
    [`{"auths": {"a.test": {"auth": "${btoa("s3cret")}"}}}`, /auth is not a user and a password/],
  ];
  for (const [text, message] of bad) {
    await withConfig(text, async (path) => {
      const error = await readDockerConfig(path).then((config) => findCredentials(config, "a.test")).catch((
        e,
      ) => e);
      assert.equal(codeOf(error), Code.InvalidArgument);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /s3cret/);
    });
  }
  const none = await readDockerConfig("/nowhere/config.json");
  assert.deepEqual(none.json, {});
  assert.equal(keyFor(none, "docker.io"), hub);
});

Deno.test("logins of many at the same time are all kept, a link stays a link, and nothing else is left", () =>
  withConfig({ auths: {}, other: 1 }, async (path) => {
    const link = path.replace("config.json", "link.json");
    await Deno.symlink(path, link);
    const hosts = Array.from({ length: 8 }, (_, n) => `h${n}.test`);
    await Promise.all(hosts.map((host) => saveLogin(host, { username: "u", secret: "p" }, link)));
    const { json } = await readDockerConfig(path);
    assert.deepEqual(Object.keys(json.auths as object).sort(), hosts);
    assert.equal(json.other, 1);
    await Promise.all(hosts.map((host) => removeLogin(host, link)));
    assert.deepEqual((await readDockerConfig(path)).json.auths, {});
    const dir = path.slice(0, path.lastIndexOf("/"));
    assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name).sort(), ["config.json", "link.json"]);
    assert.ok((await Deno.lstat(link)).isSymlink);
  }));

Deno.test("a helper that doesn't answer is ended, and nobody waits for what it has started", async () => {
  const dir = await Deno.makeTempDir();
  const path = Deno.env.get("PATH")!;
  try {
    await Deno.writeTextFile(
      `${dir}/docker-credential-slow`,
      `#!/bin/sh\nsleep 60 &\necho $$ $! >${dir}/pid\nwait\n`,
    );
    await Deno.chmod(`${dir}/docker-credential-slow`, 0o755);
    Deno.env.set("PATH", `${dir}:${path}`);
    const error = await askHelper("slow", "a.test", { patience: 2000 }).catch((error) => error);
    assert.equal(codeOf(error), Code.Unavailable);
    assert.match(error.message, /docker-credential-slow get: no answer within 2000 ms/);
    const [pid, started] = (await Deno.readTextFile(`${dir}/pid`)).trim().split(" ");
    Deno.kill(Number(started), "SIGKILL");
    await assert.rejects(Deno.stat(`/proc/${pid}`), Deno.errors.NotFound);
  } finally {
    Deno.env.set("PATH", path);
    await Deno.remove(dir, { recursive: true });
  }
});
