import assert from "node:assert/strict";
import { inUseBy } from "../../../lib/metadata/layers_in_use.ts";

const root = "/var/lib/longshore/snapshots/overlayfs";
const layer = (id: number) => `${root}/${id}/fs`;

Deno.test("the layers of overlays and bind mounts are in use, others are not", () => {
  const isInUse = inUseBy([
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw",
    `40 22 0:50 / /run/c/rootfs rw - overlay overlay rw,lowerdir=${layer(3)}:${layer(1)},upperdir=${
      layer(7)
    },workdir=${root}/7/work`,
    `41 22 0:51 / /run/d/rootfs rw - overlay overlay rw,lowerdir+=${layer(4)},lowerdir+=${layer(5)}`,
    // Of a file system that is mounted at /var/lib: its own paths are shorter.
    "42 22 254:1 /longshore/snapshots/overlayfs/11/fs /mnt/a\\040b ro shared:1 master:2 - ext4 /dev/vdb ro",
    // Options that count from the directory of the one who mounted.
    "43 22 0:52 / /run/e/rootfs rw - overlay overlay rw,lowerdir=21/fs:22/fs",
  ].join("\n"));
  for (const id of [1, 3, 4, 5, 7, 11, 21, 22]) assert.ok(isInUse(layer(id)), String(id));
  for (const id of [2, 6, 8, 12, 31, 32, 111]) assert.ok(!isInUse(layer(id)), String(id));
});

Deno.test("a root with spaces and colons is found in the options", () => {
  const line = "1 2 0:1 / /m rw - overlay overlay rw,lowerdir=/a\\040b/s/1/fs,upperdir=/a\\040b/s/2/fs";
  const isInUse = inUseBy(line);
  assert.ok(isInUse("/a b/s/1/fs") && isInUse("/a b/s/2/fs") && !isInUse("/a b/s/3/fs"));
});
