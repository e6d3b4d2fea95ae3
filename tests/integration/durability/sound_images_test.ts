/** Images that nobody has touched are not called damaged, whoever unpacked them. */
import assert from "node:assert/strict";
import { goCtr, push, richImage, Scratch, startLongshore, startRegistry } from "../../harness/mod.ts";
import { ok } from "./support.ts";

Deno.test("five layers of all that layers can hold verify, unpacked by the daemon and by Debian's ctr", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  const reference = await push(await richImage(scratch), registry, "rich:1");
  await using daemon = await startLongshore({ where: "shm" });
  await ok(daemon, ["-n", "ours", "images", "pull", reference]);
  const args = ["-n", "theirs", "images", "pull", "--plain-http", reference];
  const { code, stderr } = await goCtr(daemon.address, args);
  assert.equal(code, 0, stderr);
  for (const namespace of ["ours", "theirs"]) {
    const { code, stdout } = await daemon.ctr(["-n", namespace, "images", "check", "--deep"]);
    assert.match(stdout, /ok \(7 blobs, 5 snapshots\)/, namespace);
    assert.equal(code, 0);
  }
});
