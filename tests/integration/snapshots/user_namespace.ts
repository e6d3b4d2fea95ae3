/** Run in a user namespace: an overlay in the directory given, and what is in it after a directory was replaced. */
import { openOverlay } from "../../../lib/snapshots/mod.ts";
import { mountAll, unmountAll } from "../../../lib/sys/mod.ts";

const [root] = Deno.args;
await using overlay = await openOverlay(root!);
await overlay.create("1", [], "active");
for (const name of ["a", "b"]) await Deno.mkdir(`${root}/1/fs/d/${name}`, { recursive: true });
await overlay.create("2", ["1"], "active");
const target = await Deno.makeTempDir();
const mounts = overlay.mounts("2", ["1"], "active");
mountAll(mounts, target);
await Deno.remove(`${target}/d`, { recursive: true });
await Deno.mkdir(`${target}/d/new`, { recursive: true });
await unmountAll(target);
mountAll(mounts, target);
const names = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();
console.log(JSON.stringify({
  userxattr: mounts[0]!.options.includes("userxattr"),
  stages: overlay.layerPath !== undefined,
  left: names(`${target}/d`),
  kept: names(`${root}/1/fs/d`),
}));
await unmountAll(target);
await Deno.remove(target);
