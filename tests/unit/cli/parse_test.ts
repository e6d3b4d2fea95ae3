import assert from "node:assert/strict";
import type { Flag } from "../../../lib/cli/command.ts";
import { parseDuration } from "../../../lib/cli/duration.ts";
import { nearest } from "../../../lib/cli/nearest.ts";
import { parse } from "../../../lib/cli/parse.ts";

const known: Flag[] = [
  { name: "rm", usage: "" },
  { name: "detach", short: "d", usage: "" },
  { name: "tty", short: "t", usage: "" },
  { name: "env", value: "value", many: true, usage: "" },
  { name: "cgroup", value: "path", usage: "", default: "standard" },
];

Deno.test("flags stand before and after arguments", () => {
  const { flags, args } = parse(["a", "--rm", "b", "--env", "A=1", "-env=B=2"], known);
  assert.deepEqual(args, ["a", "b"]);
  assert.ok(flags.on("rm"));
  assert.deepEqual(flags.list("env"), ["A=1", "B=2"]);
});

Deno.test("after the operands everything belongs to the container's command", () => {
  const { flags, args } = parse(["--rm", "image", "-d", "id", "sh", "-c", "--rm"], known, 2);
  assert.deepEqual(args, ["image", "id", "sh", "-c", "--rm"]);
  assert.ok(flags.on("detach"));
});

Deno.test("-- ends the flags", () => {
  assert.deepEqual(parse(["--rm", "--", "--env"], known).args, ["--env"]);
});

Deno.test("switches of one letter run together, and take =false", () => {
  const { flags } = parse(["-dt", "--rm=false"], known);
  assert.deepEqual([flags.on("detach"), flags.on("tty"), flags.on("rm")], [true, true, false]);
});

Deno.test("an empty value is a value, not the default", () => {
  assert.equal(parse(["--cgroup", ""], known).flags.text("cgroup"), "");
  assert.equal(parse([], known).flags.text("cgroup"), "standard");
});

Deno.test("an unknown flag is refused, and the nearest named", () => {
  assert.throws(() => parse(["--detahc"], known), /not defined: -detahc \(did you mean --detach\?\)/);
  assert.throws(() => parse(["--zzzzzz"], known), /^CtrError: flag provided but not defined: -zzzzzz$/);
});

Deno.test("a flag without its value is refused", () => {
  assert.throws(() => parse(["--env"], known), /flag needs a value: --env/);
  assert.throws(() => parse(["--rm=perhaps"], known), /is a switch/);
});

Deno.test("nearest finds slips, and nothing for strangers", () => {
  assert.equal(nearest("imgaes", ["images", "leases"]), "images");
  assert.equal(nearest("nmespaces", ["namespaces", "snapshots"]), "namespaces");
  assert.equal(nearest("qqq", ["images", "leases"]), undefined);
});

Deno.test("durations are read as Go writes them", () => {
  assert.equal(parseDuration("24h0m0s"), 86_400_000);
  assert.equal(parseDuration("1.5s"), 1500);
  assert.equal(parseDuration("0"), 0);
  assert.throws(() => parseDuration("5"), /is not a duration/);
});
