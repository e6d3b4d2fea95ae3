import assert from "node:assert/strict";
import { differs, fed, Sides, type Step, step } from "./steps.ts";

const hello = "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
const missing = "sha256:" + "1".repeat(64);
const innerKey = "containerd names its store's inner key; we name what the user gave";
const other = "docker.io/library/other:1";
const sleeping = ["sh", "-c", "sleep 1000"];

const images = (image: string): Step[] => [
  step("images", "ls"),
  step("images", "check"),
  step("images", "pull", "--plain-http", image),
  step("images", "pull", "--plain-http", image.replace(":1", ":nosuch")),
  step("images", "ls"),
  step("images", "ls", "-q"),
  step("images", "ls", `name==${image}`),
  {
    args: ["images", "ls", "name~=["],
    codeDiffers: "containerd logs that the pattern is broken and matches nothing; we refuse it",
  },
  step("images", "check"),
  step("images", "check", "-q"),
  step("images", "tag", image, other),
  step("images", "tag", image, other),
  step("images", "tag", "--force", image, other),
  step("images", "tag", "docker.io/library/nosuch:1", "docker.io/library/x:1"),
  step("images", "label", other, "a=b", "c=d"),
  step("images", "label", other, "a="),
  step("images", "label", "--replace-all", other, "e=f"),
  step("images", "label", "docker.io/library/nosuch:1", "a=b"),
  step("images", "ls"),
  step("images", "rm", "--sync", other),
  step("images", "rm", other),
  step("images", "rm", "docker.io/library/nosuch:1"),
  step("images", "ls", "-q"),
  step("content", "ls", "-q"),
  step("snapshots", "ls"),
  step("snapshots", "tree"),
  step("images", "rm", "--sync", image),
  step("content", "ls", "-q"),
  step("snapshots", "ls"),
];

const content: Step[] = [
  step("content", "ls"),
  step("content", "active"),
  fed("hello\n", "content", "ingest", "--expected-size", "6", "--expected-digest", hello, "k"),
  fed("hello\n", "content", "ingest", "--expected-size", "6", "--expected-digest", hello, "k"),
  fed("hello\n", "content", "ingest", "--expected-size", "7", "k2"),
  fed("hello\n", "content", "ingest", "--expected-digest", missing, "k3"),
  fed("hello\n", "content", "ingest"),
  step("content", "ls"),
  step("content", "get", hello),
  step("content", "get", missing),
  step("content", "get", "abc"),
  step("content", "label", hello, "a=b", "c=d"),
  step("content", "label", hello, "a="),
  step("content", "label", missing, "a=b"),
  step("content", "ls", "labels.c==d"),
  step("content", "ls", "labels.c==e"),
  step("content", "ls", "-q"),
  step("content", "rm", missing),
  step("content", "rm", hello, hello),
  step("content", "ls"),
];

const snapshots: Step[] = [
  step("snapshots", "ls"),
  step("snapshots", "prepare", "k1"),
  step("snapshots", "prepare", "k1"),
  step("snapshots", "usage", "k1"),
  step("snapshots", "commit", "n1", "k1"),
  step("snapshots", "commit", "n1", "k1"),
  step("snapshots", "view", "v1", "n1"),
  // Or the collection after some deletion takes it: nothing else refers to a view.
  step("snapshots", "label", "v1", "containerd.io/gc.root=test"),
  step("snapshots", "prepare", "--target", "/target", "k2", "n1"),
  step("snapshots", "prepare", "k3", "nosuch"),
  differs(innerKey, "snapshots", "prepare", "k4", "k2"),
  step("snapshots", "view", "v2", "nosuch"),
  step("snapshots", "commit", "n1", "k2"),
  differs(innerKey, "snapshots", "commit", "n2", "v1"),
  step("snapshots", "commit", "n2", "nosuch"),
  step("snapshots", "ls"),
  step("snapshots", "tree"),
  step("snapshots", "label", "n1", "x=y", "z=1"),
  step("snapshots", "label", "n1", "z="),
  step("snapshots", "label", "nosuch", "x=y"),
  step("snapshots", "info", "n1"),
  step("snapshots", "info", "k2"),
  step("snapshots", "info", "nosuch"),
  step("snapshots", "usage"),
  step("snapshots", "usage", "-b", "n1"),
  step("snapshots", "usage", "nosuch"),
  step("snapshots", "mounts", "/target", "v1"),
  step("snapshots", "mounts", "/target", "k2"),
  differs(innerKey, "snapshots", "mounts", "/target", "n1"),
  step("snapshots", "mounts", "/target", "nosuch"),
  step("snapshots", "rm", "n1"),
  step("snapshots", "rm", "nosuch"),
  step("snapshots", "--snapshotter", "nosuch", "ls"),
  step("snapshots", "rm", "v1", "k2", "n1"),
  step("snapshots", "ls"),
];

const leases: Step[] = [
  step("leases", "create", "--id", "l1", "a=b"),
  step("leases", "create", "--id", "l1"),
  step("leases", "create", "--id", "l2", "--expires", "1h"),
  step("leases", "create", "--id", "-bad-"),
  step("leases", "ls", "id==l1"),
  step("leases", "ls", "-q"),
  step("leases", "rm", "--sync", "l1", "l2"),
  step("leases", "rm", "l1"),
  step("leases", "ls"),
];

const namespaces: Step[] = [
  step("namespaces", "ls"),
  step("namespaces", "create", "spare", "a=b", "c=d"),
  step("namespaces", "create", "spare"),
  step("namespaces", "create", "-bad-"),
  step("namespaces", "create", ""),
  step("namespaces", "ls"),
  step("namespaces", "ls", "-q"),
  step("namespaces", "label", "spare", "a=", "e=f"),
  step("namespaces", "label", "nosuch", "a=b"),
  step("namespaces", "ls"),
  step("-n", "spare", "leases", "create", "--id", "l1"),
  step("-n", "spare", "snapshots", "prepare", "k1"),
  fed("hello\n", "-n", "spare", "content", "ingest", "k"),
  step("namespaces", "rm", "spare"),
  step("-n", "spare", "content", "rm", hello),
  step("-n", "spare", "snapshots", "rm", "k1"),
  step("-n", "spare", "leases", "rm", "l1"),
  step("namespaces", "rm", "spare", "nosuch"),
  step("-n", "-bad-", "images", "ls"),
  step("-n", "-bad-", "snapshots", "prepare", "k"),
];

const containers = (image: string): Step[] => [
  step("images", "pull", "--plain-http", image),
  step("containers", "create", image, "c1", ...sleeping),
  step("containers", "create", image, "c1"),
  step("containers", "create", image, "-bad-"),
  step("containers", "create", "docker.io/library/nosuch:1", "c2"),
  step("containers", "ls"),
  step("containers", "ls", "id==c1"),
  step("containers", "ls", "-q"),
  step("containers", "info", "c1"),
  step("containers", "info", "nosuch"),
  step("containers", "label", "c1", "a=b", "c=d"),
  step("containers", "label", "c1", "a="),
  step("containers", "label", "nosuch", "a=b"),
  step("containers", "rm", "c1"),
  step("containers", "rm", "c1"),
  // What a create that failed has left goes with a collection, whose time is each daemon's own: here is one.
  step("leases", "create", "--id", "collect"),
  step("leases", "rm", "--sync", "collect"),
  step("snapshots", "ls"),
];

const daemons: Step[] = [
  differs("each tells its own version and revision", "version"),
  differs("the plugins are our own rooms, under containerd's types", "plugins", "ls"),
];

const tables: Record<string, (image: string) => Step[]> = {
  images,
  content: () => content,
  snapshots: () => snapshots,
  leases: () => leases,
  namespaces: () => namespaces,
  containers,
  daemons: () => daemons,
};

Deno.test("Go's ctr gets from us what it gets from containerd", async (t) => {
  await using sides = await Sides.start();
  for (const [name, steps] of Object.entries(tables)) {
    await t.step(name, async () => {
      const differences = await sides.compare(steps(sides.image));
      assert.equal(differences.join("\n"), "");
    });
  }
});
