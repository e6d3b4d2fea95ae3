import assert from "node:assert/strict";
import { Code, isError } from "../../../lib/errors.ts";
import { loadConfig } from "../../../lib/daemon/config.ts";
import { makePlace } from "./scratch.ts";

const refused = (pattern: RegExp) => (error: unknown) => {
  assert.ok(isError(error, Code.InvalidArgument), String(error));
  assert.match(error.message, pattern);
  return true;
};

Deno.test("flags win over the file, the file over the defaults", async () => {
  const toml = `version = 2
root = "/from/file"
state = "/from/state"
[grpc]
address = "/from/sock"
uid = 7
gid = 8
[debug]
level = "debug"
[plugins."io.containerd.gc.v1.scheduler"]
mutation_threshold = 100
`;
  await using place = await makePlace(toml);
  const file = `${place.dir}/config.toml`;
  const config = await loadConfig({ config: file });
  assert.deepEqual(
    [config.root, config.state, config.address, config.uid, config.gid, config.logLevel],
    ["/from/file", "/from/state", "/from/sock", 7, 8, "debug"],
  );
  assert.equal(config.plugins["io.containerd.gc.v1.scheduler"]?.mutation_threshold, 100);
  const flags = { root: "/r", state: "/s", address: "/a.sock", logLevel: "warning" };
  const over = await loadConfig({ config: file, ...flags });
  assert.deepEqual([over.root, over.state, over.address, over.logLevel], ["/r", "/s", "/a.sock", "warn"]);
});

Deno.test("an empty file means the defaults, and the address follows the state", async () => {
  await using place = await makePlace();
  const config = await loadConfig({ config: `${place.dir}/config.toml` });
  assert.equal(config.root, "/var/lib/longshore");
  assert.equal(config.state, "/run/longshore");
  assert.equal(config.address, "/run/longshore/longshore.sock");
  assert.equal(place.config.address, `${place.dir}/state/longshore.sock`);
});

Deno.test("what the file has wrong is named with the file and the key or the line", async () => {
  await assert.rejects(makePlace("rot = 1"), refused(/config\.toml: unknown key rot/));
  await assert.rejects(makePlace("[grpc]\nuid = 'x'"), refused(/config\.toml: grpc\.uid has the wrong type/));
  await assert.rejects(makePlace("root = \n"), refused(/config\.toml:1:\d+: /));
  await assert.rejects(makePlace("[debug]\nlevel = 'loud'"), refused(/log level "loud" is none of/));
  await assert.rejects(loadConfig({ config: "/nowhere/c.toml" }), refused(/\/nowhere\/c\.toml/));
  await assert.rejects(loadConfig({ root: "relative" }), refused(/root "relative" is not an absolute path/));
});

Deno.test("containerd's keys that have no use here are accepted and listed", async () => {
  await using place = await makePlace("oom_score = 0\n[ttrpc]\naddress = ''\n[timeouts]\n'x.y' = '5s'\n");
  assert.deepEqual([...place.config.unused].sort(), ["oom_score", "timeouts.x.y", "ttrpc.address"]);
});
