import assert from "node:assert/strict";
import { ctrPath, must, run, Scratch } from "../../harness/mod.ts";

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
  assert.deepEqual(names.sort(), ["ctr", "deno", "deno"]);
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
  for (const command of ["daemon", "run", "shim"]) assert.match(said, new RegExp(`${command}-\\w+\\.js`));
});

async function which(program: string): Promise<string> {
  return await Deno.realPath((await must("sh", ["-c", `command -v ${program}`])).trim());
}
