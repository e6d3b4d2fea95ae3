import assert from "node:assert/strict";
import { identify } from "../../../lib/daemon/identity.ts";
import { prepareDirectories } from "../../../lib/daemon/directories.ts";
import { createLog } from "../../../lib/daemon/log.ts";
import { serve } from "../../../lib/daemon/serve.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { lockFile } from "../../../lib/sys/mod.ts";
import { makePlace, modeOf } from "./scratch.ts";

const overlayOnly = {
  roots: new Map([["overlayfs", "/there"]]),
  skipped: new Map([["btrfs", "not on btrfs"]]),
};

Deno.test("a second daemon on a root is refused by name of the root and of the holder", async () => {
  await using place = await makePlace();
  await prepareDirectories(place.config);
  const holder = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("lock_holder.ts", import.meta.url).pathname, `${place.config.root}/lock`],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  try {
    const reader = holder.stdout.getReader();
    assert.match(new TextDecoder().decode((await reader.read()).value), /locked/);
    await reader.cancel();
    await assert.rejects(serve(place.config), (error) => {
      assert.ok(isError(error, Code.FailedPrecondition));
      const expected = `root ${place.config.root} is in use by another daemon (process ${holder.pid})`;
      assert.equal(error.message, `${expected}: failed precondition`);
      return true;
    });
  } finally {
    holder.kill("SIGKILL");
    await holder.stdin.close().catch(() => {});
    await holder.status;
  }
  // The kernel has let go of it with its holder, whose pid is still in the file.
  using _lock = await lockFile(`${place.config.root}/lock`);
  assert.equal(await Deno.readTextFile(`${place.config.root}/lock`), `${Deno.pid}\n`);
  assert.equal(modeOf(`${place.config.root}/lock`), "600");
});

Deno.test("the uuid stays with the root; pid and PID namespace are this process's", async () => {
  await using place = await makePlace();
  await prepareDirectories(place.config);
  const first = await identify(place.config, overlayOnly);
  const second = await identify(place.config, overlayOnly);
  assert.match(first.uuid, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.equal(second.uuid, first.uuid);
  assert.equal(first.pid, Deno.pid);
  assert.equal(first.pidns, BigInt(Deno.statSync("/proc/self/ns/pid").ino!));
  assert.ok(
    first.plugins.some(({ type, id }) => type === "io.containerd.snapshotter.v1" && id === "overlayfs"),
  );
  await using other = await makePlace();
  await prepareDirectories(other.config);
  assert.notEqual((await identify(other.config, overlayOnly)).uuid, first.uuid);
  await Deno.writeTextFile(`${other.config.root}/uuid`, "");
  const mended = (await identify(other.config, overlayOnly)).uuid;
  assert.match(mended, /^[0-9a-f-]{36}$/);
  assert.equal((await identify(other.config, overlayOnly)).uuid, mended);
});

Deno.test("the log writes a line an event, from its level on, and quotes what would break a line", () => {
  const lines: string[] = [];
  const log = createLog("info", (line) => lines.push(line));
  log("debug", "unseen");
  log("warn", "two words", { path: "/a/b", text: 'x "y"\nlevel=fatal' });
  assert.equal(lines.length, 1);
  assert.match(
    lines[0]!,
    /^time=\S+Z level=warn msg="two words" path=\/a\/b text="x \\"y\\"\\nlevel=fatal"\n$/,
  );
});
