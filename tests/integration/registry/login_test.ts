/** Logins: kept as docker keeps them, used for pulls and pushes, never shown. */
import assert from "node:assert/strict";
import {
  type CommandOptions,
  push,
  type Registry,
  Scratch,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { noiseImage } from "./images.ts";
import { TokenServer } from "./token_server.ts";

const user = { name: "alice", password: "right" };

/** A credential helper that keeps its secrets in a directory, and tells what it was asked. */
const helper = `#!/bin/sh
dir=$(dirname "$0")/kept; mkdir -p "$dir"; input=$(cat); echo "$1" >>"$dir/log"
name=$(printf %s "$input" | tr -c 'a-zA-Z0-9.\\n' _)
case $1 in
store) url=$(printf %s "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/'); printf %s "$input" >"$dir/$(printf %s "$url" | tr -c 'a-zA-Z0-9.\\n' _)";;
get) [ -f "$dir/$name" ] && cat "$dir/$name" || { echo "credentials not found in native keychain"; exit 1; };;
erase) rm -f "$dir/$name";;
esac
`;

/** A home whose docker config is of the test, and a PATH with a helper. */
class Home {
  readonly dir: string;
  readonly bin: string;

  constructor(scratch: Scratch) {
    this.dir = scratch.join("docker");
    this.bin = scratch.join("bin");
  }

  static async make(scratch: Scratch): Promise<Home> {
    const home = new Home(scratch);
    await Deno.mkdir(home.bin);
    await home.program("docker-credential-files", helper);
    return home;
  }

  async program(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.bin}/${name}`, text);
    await Deno.chmod(`${this.bin}/${name}`, 0o755);
  }

  get config(): string {
    return `${this.dir}/config.json`;
  }

  with(options: CommandOptions = {}): CommandOptions {
    return { ...options, env: { DOCKER_CONFIG: this.dir, PATH: `${this.bin}:${Deno.env.get("PATH")}` } };
  }
}

async function seeded(scratch: Scratch): Promise<Registry> {
  const plain = await startRegistry({ where: "shm" });
  await push(await noiseImage(scratch), plain, "noise:1");
  return plain;
}

Deno.test("a login is verified, kept for the user alone, used, and forgotten", async () => {
  await using scratch = await Scratch.make("shm");
  const home = await Home.make(scratch);
  await using plain = await seeded(scratch);
  await using registry = await startRegistry({ user, data: plain.data });
  await using longshore = await startLongshore({ where: "shm" });
  const ctr = (args: string[], stdin?: string) => longshore.ctr(args, home.with({ stdin }));
  const reference = `${registry.host}/noise:1`;

  const wrong = await ctr(["login", "-u", "alice", "--password-stdin", registry.host], "s3cret-wrong\n");
  assert.equal(wrong.code, 1);
  assert.match(
    wrong.stderr,
    new RegExp(`^ctr: not logged in to ${registry.host}: the credentials are refused`),
  );
  await assert.rejects(Deno.stat(home.config), Deno.errors.NotFound);
  assert.match((await ctr(["images", "pull", reference])).stderr, /answers 401/);

  await Deno.mkdir(home.dir);
  await Deno.writeTextFile(home.config, '{"auths":{"other.test":{"auth":"eDp5"}},"psFormat":"kept"}');
  await Deno.chmod(home.config, 0o644);
  const right = await ctr(["login", "-u", "alice", "--password-stdin", registry.host], "right\n");
  assert.equal(right.code, 0, right.stderr);
  assert.equal(right.stdout, `logged in to ${registry.host} as alice (kept in ${home.config})\n`);
  const config = JSON.parse(await Deno.readTextFile(home.config));
  const auth = btoa("alice:right");
  assert.deepEqual(config, {
    auths: { "other.test": { auth: "eDp5" }, [registry.host]: { auth } },
    psFormat: "kept",
  });
  assert.equal((await Deno.stat(home.config)).mode! & 0o777, 0o600);
  assert.deepEqual([...Deno.readDirSync(home.dir)].map(({ name }) => name), ["config.json"]);

  const pulled = await ctr(["images", "pull", reference]);
  assert.equal(pulled.code, 0, pulled.stderr);
  const pushed = await ctr(["images", "push", `${registry.host}/again:1`, reference]);
  assert.equal(pushed.code, 0, pushed.stderr);
  const flagged = await ctr([
    "images",
    "push",
    "--user",
    "alice:other",
    `${registry.host}/third:1`,
    reference,
  ]);
  assert.equal(flagged.code, 1, "the flag wins over the login");
  const tested = await ctr(["registry", "test", registry.host]);
  assert.equal(tested.code, 0, tested.stdout + tested.stderr);
  assert.match(
    tested.stdout,
    new RegExp(`credentials +user alice, from ${home.config}\n +answer +200, asks for .*basic`),
  );
  assert.ok(
    ![wrong, right, pulled, pushed, flagged, tested].some(({ stdout, stderr }) =>
      /s3cret|right|other\b|YWxpY2U/.test(stdout + stderr)
    ),
  );

  const out = await ctr(["logout", registry.host]);
  assert.equal(out.stdout, `logged out of ${registry.host} (${home.config} has forgotten it)\n`);
  assert.deepEqual(Object.keys(JSON.parse(await Deno.readTextFile(home.config)).auths), ["other.test"]);
  assert.equal((await ctr(["logout", registry.host])).stdout, `not logged in to ${registry.host}\n`);
  await ctr(["images", "rm", "--sync", reference, `${registry.host}/again:1`]);
  assert.equal((await ctr(["images", "pull", reference])).code, 1);
});

Deno.test("logins are kept with the helper that config.json names, whose failures are told in a line", async () => {
  await using scratch = await Scratch.make("shm");
  const home = await Home.make(scratch);
  await using plain = await seeded(scratch);
  await using registry = await startRegistry({ user, data: plain.data });
  await using longshore = await startLongshore({ where: "shm" });
  const ctr = (args: string[], stdin?: string) => longshore.ctr(args, home.with({ stdin }));
  const reference = `${registry.host}/noise:1`;
  await Deno.mkdir(home.dir);
  await Deno.writeTextFile(home.config, JSON.stringify({ credHelpers: { [registry.host]: "files" } }));

  const login = await ctr(["login", "-u", "alice", "--password-stdin", registry.host], "right");
  assert.equal(
    login.stdout,
    `logged in to ${registry.host} as alice (kept in docker-credential-files)\n`,
    login.stderr,
  );
  const config = await Deno.readTextFile(home.config);
  assert.deepEqual(JSON.parse(config).auths, { [registry.host]: {} });
  assert.ok(!/right|YWxpY2U/.test(config));
  const pulled = await ctr(["images", "pull", reference]);
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.match(await Deno.readTextFile(`${home.bin}/kept/log`), /^store\nget\n$/);

  await ctr(["images", "rm", "--sync", reference]);
  assert.equal((await ctr(["logout", registry.host])).code, 0);
  assert.match(await Deno.readTextFile(`${home.bin}/kept/log`), /erase\n$/);
  const without = await ctr(["images", "pull", reference]);
  assert.match(without.stderr, /answers 401/);
  assert.doesNotMatch(without.stderr, /credential/, "that a helper knows nothing is no error");

  await home.program(
    "docker-credential-broken",
    "#!/bin/sh\necho 'no keychain\nhere s3cret' | head -1\nexit 3\n",
  );
  await home.program("docker-credential-chatty", "#!/bin/sh\nyes s3cret\n");
  await home.program("docker-credential-garbage", "#!/bin/sh\necho '{\"Secret\": s3cret'\n");
  const bad: [string, RegExp][] = [
    ["broken", /docker-credential-broken get: no keychain: failed precondition\n/],
    ["chatty", /docker-credential-chatty: more than 262144 bytes of output/],
    ["garbage", /docker-credential-garbage: its answer is not JSON/],
    ["missing", /credential helper docker-credential-missing is not on PATH/],
    ["../bin/x", /"\.\.\/bin\/x" is no name of a credential helper/],
  ];
  for (const [name, message] of bad) {
    await Deno.writeTextFile(home.config, JSON.stringify({ credsStore: name }));
    const { code, stderr } = await ctr(["images", "pull", reference]);
    assert.equal(code, 1);
    assert.match(stderr, message);
    assert.match(stderr, new RegExp(`^ctr: no credentials for ${registry.host}: `));
    assert.equal(stderr.trim().split("\n").length, 2, stderr);
    assert.doesNotMatch(stderr, /s3cret/);
  }
  await Deno.writeTextFile(home.config, '{"auths": {"x": {"auth": "s3cret"');
  const { stderr } = await ctr(["images", "pull", reference]);
  assert.match(stderr, new RegExp(`${home.config} is not JSON`));
  assert.doesNotMatch(stderr, /s3cret/);
});

Deno.test("tokens of a real registry's token server are asked for what is needed, by whoever is logged in", async () => {
  await using scratch = await Scratch.make("shm");
  const home = await Home.make(scratch);
  await using plain = await seeded(scratch);
  await using tokens = await TokenServer.start(scratch.join("tokens"));
  await using registry = await startRegistry({ token: tokens.settings, data: plain.data });
  await using longshore = await startLongshore({ where: "shm" });
  const ctr = (args: string[], stdin?: string) => longshore.ctr(args, home.with({ stdin }));
  const reference = `${registry.host}/noise:1`;

  const shown = await ctr(
    ["login", "--http-trace", "-u", "alice", "--password-stdin", registry.host],
    "wrong",
  );
  assert.match(shown.stderr, /^GET http:\/\/\S+\/v2\/ -> 401 .*\nGET http:\/\/\S+\/token\?\S+ -> 401 /);
  const refused = await ctr(["login", "-u", "alice", "--password-stdin", registry.host], "wrong");
  assert.match(refused.stderr, /not logged in to .*token from http:\/\/127\.0\.0\.1:\d+ for .* answers 401/);
  const login = await ctr(["login", "-u", "alice", "--password-stdin", registry.host], "right");
  assert.equal(login.code, 0, login.stderr);
  tokens.asked.length = 0;
  const pulled = await ctr(["images", "pull", reference]);
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.deepEqual([...new Set(tokens.asked)], ["GET alice:right repository:noise:pull"]);
  tokens.asked.length = 0;
  const pushed = await ctr(["images", "push", `${registry.host}/again:1`, reference]);
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.ok(
    tokens.asked.every((one) =>
      /^GET alice:right (repository:\w+:(pull|push|pull,push|push,pull) ?)+$/.test(one)
    ),
    `${tokens.asked}`,
  );

  await Deno.writeTextFile(
    home.config,
    JSON.stringify({ auths: { [registry.host]: { identitytoken: "identity" } } }),
  );
  await ctr(["images", "rm", "--sync", reference, `${registry.host}/again:1`]);
  tokens.asked.length = 0;
  assert.equal((await ctr(["images", "pull", reference])).code, 0);
  assert.deepEqual([...new Set(tokens.asked)], ["POST identity repository:noise:pull"]);

  await ctr(["images", "rm", "--sync", reference]);
  const faults: [() => Response | Promise<Response>, RegExp][] = [
    [
      () => new Response("<html>hello s3cret</html>"),
      /token from \S+ for \S+: the answer is not JSON: failed precond/,
    ],
    [() => Response.json({ nothing: true }), /token from \S+ for \S+: answer has no token/],
    [() => new Response("x".repeat(1 << 20)), /token from \S+ for \S+: \d+ .*bytes, the limit is 262144/],
    [() => new Response("", { status: 403 }), /token from \S+ for \S+: \S+ answers 403/],
  ];
  for (const [fault, message] of faults) {
    tokens.instead = fault;
    const { code, stderr } = await ctr(["images", "pull", reference]);
    assert.equal(code, 1);
    assert.match(stderr, message);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
    assert.doesNotMatch(stderr, /s3cret|identity/);
  }
  tokens.instead = undefined;
  assert.equal((await ctr(["images", "pull", reference])).code, 0, "a retry works");
});
