import assert from "node:assert/strict";
import type { Mount } from "../../../lib/api/types/mount.ts";
import { runAlone, Scratch } from "../../harness/mod.ts";

Deno.test("userIn() reads what a bind shows without mounting it", async () => {
  await using scratch = await Scratch.make();
  const root = scratch.path;
  await Deno.mkdir(`${root}/etc`);
  await Deno.writeTextFile(`${root}/etc/passwd`, "web:x:33:34::/:/bin/sh\n");
  await Deno.writeTextFile(`${root}/etc/group`, "logs:x:50:web\n");
  // Where no directory can be made there is no place to mount on.
  const env = { TMPDIR: `${root}/none` };
  const look = (mounts: Mount[], user: string) =>
    runAlone(new URL("./user_in.ts", import.meta.url), [JSON.stringify(mounts), user], { env });
  const bind = { type: "bind", source: root, target: "", options: ["rbind", "rw"] };
  assert.deepEqual(await look([bind], "web"), { uid: 33, gid: 34, additionalGids: [34, 50] });
  const options = [`lowerdir=${root}`, `upperdir=${root}/fs`, `workdir=${root}/work`];
  const overlay = { type: "overlay", source: "overlay", target: "", options };
  assert.deepEqual(await look([overlay], "33"), { uid: 33, gid: 34, additionalGids: [34, 50] });
  await assert.rejects(look([bind, bind], "web"), /NotFound/);
});
