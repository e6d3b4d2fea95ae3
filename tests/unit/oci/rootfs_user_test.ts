import assert from "node:assert/strict";
import { userIn } from "../../../lib/oci/rootfs_user.ts";

Deno.test("userIn() reads what a bind shows without mounting it", async () => {
  const root = await Deno.makeTempDir({ prefix: "longshore-test-" });
  const before = Deno.env.get("TMPDIR");
  try {
    await Deno.mkdir(`${root}/etc`);
    await Deno.writeTextFile(`${root}/etc/passwd`, "web:x:33:34::/:/bin/sh\n");
    await Deno.writeTextFile(`${root}/etc/group`, "logs:x:50:web\n");
    // Where no directory can be made there is no place to mount on.
    Deno.env.set("TMPDIR", `${root}/none`);
    const bind = { type: "bind", source: root, target: "", options: ["rbind", "rw"] };
    assert.deepEqual(await userIn([bind], "web"), { uid: 33, gid: 34, additionalGids: [34, 50] });
    const overlay = {
      type: "overlay",
      source: "overlay",
      target: "",
      options: [`lowerdir=${root}`, `upperdir=${root}/fs`, `workdir=${root}/work`],
    };
    assert.deepEqual(await userIn([overlay], "33"), { uid: 33, gid: 34, additionalGids: [34, 50] });
    await assert.rejects(userIn([bind, bind], "web"), Deno.errors.NotFound);
  } finally {
    if (before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", before);
    await Deno.remove(root, { recursive: true });
  }
});
