import assert from "node:assert/strict";
import { ctrPath, must, run, Scratch, startLongshore } from "../../harness/mod.ts";

const repository = new URL("../../../", import.meta.url).pathname;

Deno.test("dist/ctr copied alone to an empty directory works, with an empty cache", async () => {
  await using scratch = await Scratch.make();
  const copy = scratch.join("ctr");
  await Deno.copyFile(ctrPath, copy);
  const env = { CTR_CACHE: scratch.join("cache"), HOME: scratch.path, PATH: "/usr/bin:/bin" };
  const version = await run("env", [
    "-i",
    ...Object.entries(env).map(([k, v]) => `${k}=${v}`),
    copy,
    "--help",
  ]);
  assert.equal(version.code, 0, version.stderr);
  assert.match(version.stdout, /run/);
  const cache = await Deno.stat(scratch.join("cache"));
  assert.equal(cache.mode! & 0o777, 0o700);
});

Deno.test("dist/ctr says which commit it was built from", async () => {
  await using daemon = await startLongshore({ where: "shm" });
  // Empty where git doesn't know, for the build too.
  const commit = (await run("git", ["-C", repository, "rev-parse", "HEAD"])).stdout.trim();
  const { stdout, stderr } = await daemon.ctr(["version"]);
  assert.deepEqual(stdout.match(/Revision: \w*/g), Array(2).fill(`Revision: ${commit}`), stderr);
});

Deno.test("dist/ctr refuses a cache that others can have filled", async () => {
  await using scratch = await Scratch.make();
  await Deno.mkdir(scratch.join("cache"));
  await Deno.chown(scratch.join("cache"), 1234, 1234);
  const { code, stderr } = await run(ctrPath, ["--help"], { env: { CTR_CACHE: scratch.join("cache") } });
  assert.equal(code, 1);
  assert.match(stderr, /^ctr: cannot start: .* belongs to somebody else\n$/);
});

Deno.test("dist/ctr that was cut short says so and leaves no half-filled cache", async () => {
  await using scratch = await Scratch.make();
  const whole = await Deno.readFile(ctrPath);
  await Deno.writeFile(scratch.join("ctr"), whole.subarray(0, whole.length >> 1), { mode: 0o755 });
  const { code, stderr } = await run(scratch.join("ctr"), ["--help"], {
    env: { CTR_CACHE: scratch.join("cache") },
  });
  assert.equal(code, 1);
  assert.match(stderr, /is damaged/);
  assert.deepEqual([...Deno.readDirSync(scratch.join("cache"))], []);
});

Deno.test("ten first runs at once unpack one cache", async () => {
  await using scratch = await Scratch.make("shm");
  const env = { CTR_CACHE: scratch.join("cache") };
  const runs = await Promise.all(Array.from({ length: 10 }, () => run(ctrPath, ["--help"], { env })));
  assert.deepEqual(runs.map(({ code, stderr }) => `${code}${stderr}`), Array(10).fill("0"));
  const names = [...Deno.readDirSync(scratch.join("cache"))].map((entry) => entry.name.replace(/-.*/, ""));
  assert.deepEqual(names.sort(), ["ctr", "deno"]);
});

Deno.test("a new version removes what earlier ones unpacked, if it is neither used nor running", async () => {
  await using scratch = await Scratch.make("shm");
  const cache = scratch.join("cache");
  const env = { CTR_CACHE: cache };
  await Deno.mkdir(cache, { mode: 0o700 });
  for (const name of ["ctr-old", "ctr-recent", "ctr-running"]) {
    await Deno.mkdir(`${cache}/${name}`);
    await Deno.writeTextFile(`${cache}/${name}/main.js`, "");
  }
  await Deno.writeTextFile(`${cache}/deno-old`, "");
  const words = ["-c", "read _", `${cache}/ctr-running/main.js`];
  const running = new Deno.Command("sh", { args: words, stdin: "piped" }).spawn();
  try {
    const longAgo = new Date(Date.now() - 9 * 86_400_000);
    for (const name of ["ctr-old/main.js", "ctr-running/main.js", "deno-old"]) {
      await Deno.utime(`${cache}/${name}`, longAgo, longAgo);
    }
    await must(ctrPath, ["--version"], { env });
  } finally {
    running.kill("SIGKILL");
    await running.status;
  }
  const left = [...Deno.readDirSync(cache)].map(({ name }) => name).sort();
  assert.deepEqual(left.filter((name) => name.length < 20), ["ctr-recent", "ctr-running"]);
  assert.equal(left.length, 4);
});

Deno.test("frequent commands load few files, all of them compiled by an earlier run", async () => {
  await using scratch = await Scratch.make("shm");
  const env = { CTR_CACHE: scratch.join("cache"), DENO_LOG: "debug" };
  const loads = async (...args: string[]) => {
    const { stderr } = await run(ctrPath, ["--address", scratch.join("none"), ...args], { env });
    const compiled = [...stderr.matchAll(/V8 code cache hit for ES module: \S+\/(\S+),/g)].map(([, file]) =>
      file!
    );
    // What tells of the error in the end is no part of a command.
    const files = [...stderr.matchAll(/fetch_no_follow - specifier: \S+\/(\S+)/g)].map(([, file]) => file!);
    return { files: files.filter((file) => !/^report-/.test(file)), compiled };
  };
  const commands = {
    version: 3,
    "containers ls": 3,
    "images ls": 3,
    "tasks ls": 3,
    "run image id": 6,
    "tasks exec id true": 2,
  };
  for (const command of Object.keys(commands)) await loads(...command.split(" "));
  // The daemon is compiled in another way, which must not take the place of the commands'.
  await loads("daemon", "--help");
  for (const [command, most] of Object.entries(commands)) {
    const { files, compiled } = await loads(...command.split(" "));
    assert.equal(files[0], "main.js", command);
    assert.deepEqual(files.filter((file) => !/^(main|joined-\d+)\.js$/.test(file)), [], command);
    assert.ok(files.length <= most, `${command} loads ${files}`);
    assert.deepEqual(files.filter((file) => !compiled.includes(file)), [], command);
  }
});

Deno.test("what a first run has compiled lies where the next finds it without reading a log", async () => {
  await using scratch = await Scratch.make("shm");
  const env = { CTR_CACHE: scratch.join("cache") };
  const sizes = async () => {
    await must(ctrPath, ["--version"], { env });
    const [program] = [...Deno.readDirSync(env.CTR_CACHE)].filter(({ name }) => name.startsWith("ctr-"));
    const dir = `${env.CTR_CACHE}/${program!.name}/compiled-ahead`;
    const names = [...Deno.readDirSync(dir)].map(({ name }) => name).filter((name) => /cache.*$/.test(name));
    return Object.fromEntries(names.map((name) => [name, Deno.statSync(`${dir}/${name}`).size]));
  };
  await sizes();
  const second = await sizes();
  const logs = Object.keys(second).filter((name) => name.endsWith("-wal"));
  assert.ok(logs.length > 0, `${Object.keys(second)}`);
  for (const log of logs) {
    assert.equal(second[log], 0, log);
    assert.ok(second[log.slice(0, -"-wal".length)]! > 4096, `${log} was emptied, not forgotten`);
  }
});

Deno.test("dist/ctr refuses a program and what was compiled of it if somebody else owns them", async () => {
  await using scratch = await Scratch.make("shm");
  const env = { CTR_CACHE: scratch.join("cache") };
  await must(ctrPath, ["--version"], { env });
  const [program] = [...Deno.readDirSync(env.CTR_CACHE)].filter(({ name }) => name.startsWith("ctr-"));
  const compiled = [...Deno.readDirSync(`${env.CTR_CACHE}/${program!.name}`)].map(({ name }) => name);
  assert.ok(compiled.includes("compiled-ahead"), `${compiled}`);
  await Deno.chown(`${env.CTR_CACHE}/${program!.name}`, 1234, 1234);
  const { code, stderr } = await run(ctrPath, ["--version"], { env });
  assert.equal(code, 1);
  assert.match(stderr, /belongs to somebody else/);
});

Deno.test("deno compile embeds the workers and what is loaded when needed", async () => {
  await using scratch = await Scratch.make();
  // With deno itself as the base the result merely acts as deno, but its list of files is the real one.
  const said = await must("deno", ["task", "build", "--output", scratch.join("ctr")], {
    cwd: repository,
    env: { DENORT_BIN: await which("deno"), NO_COLOR: "1" },
    timeout: 300_000,
  });
  assert.match(said, /a native executable/);
  assert.match(said, /main\.js/);
  assert.match(said, /layer_worker\.js|lib\/\*|transfer\/\*/);
  for (const command of ["daemon", "joined", "shim"]) assert.match(said, new RegExp(`${command}-\\w+\\.js`));
});

async function which(program: string): Promise<string> {
  return await Deno.realPath((await must("sh", ["-c", `command -v ${program}`])).trim());
}
