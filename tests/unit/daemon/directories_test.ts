import assert from "node:assert/strict";
import { makePlace } from "./scratch.ts";

const directories = {
  root: "711",
  state: "711",
  "root/content": "700",
  "root/snapshots": "700",
  "state/shim": "700",
  // The owner of a container's user namespace passes through here to its rootfs.
  "state/tasks": "711",
};
const sockets = { "state/longshore.sock": "600", "state/longshore.sock.ttrpc": "600" };
const modes: Record<string, string> = { ...directories, ...sockets };

/** The modes that a process with this umask gives them. */
async function modesUnder(umask: string, dir: string): Promise<Record<string, string>> {
  const entry = new URL("umask_entry.ts", import.meta.url).pathname;
  const { success, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", 'umask "$0" && exec "$@"', umask, Deno.execPath(), "run", "-A", "--no-check", entry, dir]
      .concat(Object.keys(modes)),
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

for (const umask of ["000", "022", "077"]) {
  Deno.test(`CVE-2021-41103, CVE-2024-25621: directories and sockets have exact modes under umask ${umask}`, async () => {
    await using place = await makePlace();
    assert.deepEqual(await modesUnder(umask, place.dir), modes);
  });
}

Deno.test("CVE-2021-41103, CVE-2024-25621: modes that an earlier version left wider are mended", async () => {
  await using place = await makePlace();
  for (const path of Object.keys(directories)) {
    Deno.mkdirSync(`${place.dir}/${path}`, { recursive: true });
    Deno.chmodSync(`${place.dir}/${path}`, 0o777);
  }
  assert.deepEqual(await modesUnder("022", place.dir), modes);
});
