import assert from "node:assert/strict";
import { parseNetwork, parsePort } from "../../../lib/cni/mod.ts";
import { Code, isError } from "../../../lib/errors.ts";

const parse = (config: unknown) => parseNetwork(JSON.stringify(config), "test");
const plugins = [{ type: "bridge" }, { type: "portmap", capabilities: { portMappings: true } }];

Deno.test("parseNetwork() takes lists and single plugins", () => {
  const list = { cniVersion: "0.4.0", name: "net", plugins, other: 1 };
  assert.deepEqual(parse(list), { cniVersion: "0.4.0", name: "net", plugins, text: JSON.stringify(list) });
  const single = { cniVersion: "0.3.1", name: "one", type: "macvlan", master: "eth0" };
  const { name, cniVersion, plugins: own, text } = parse(single);
  assert.deepEqual([name, cniVersion, own], ["one", "0.3.1", [single]]);
  // What is remembered of it is read as a list again.
  assert.deepEqual(parseNetwork(text, "again").plugins, [single]);
});

Deno.test("parseNetwork() chooses the newest version that it knows", () => {
  const chosen = (cniVersion: unknown, cniVersions?: unknown) =>
    parse({ cniVersion, cniVersions, name: "n", plugins }).cniVersion;
  assert.equal(chosen("1.1.0"), "1.1.0");
  assert.equal(chosen(undefined), "0.1.0");
  assert.equal(chosen("0.4.0", ["1.0.0", "0.3.1", "1.2.0", "1.10.0"]), "1.0.0");
  assert.equal(chosen("2.0.0", ["1.1.0"]), "1.1.0");
});

for (
  const [text, why] of [
    ["nonsense", /test: .*JSON/],
    ["[]", /not an object/],
    ['{"plugins": [{"type": "a"}]}', /no name of a network/],
    ['{"name": "a/b", "type": "x"}', /no name of a network: "a\/b"/],
    ['{"name": "a"}', /a plugin without a type/],
    ['{"name": "a", "plugins": [{}]}', /a plugin without a type/],
    ['{"name": "a", "plugins": [null]}', /a plugin without a type/],
    ['{"name": "a", "plugins": "x"}', /no plugins/],
    ['{"name": "a", "plugins": [{"type": "../../bin/sh"}]}', /is a path, not a plugin's name/],
    ['{"name": "a", "type": "x", "cniVersion": "new"}', /no version of CNI: "new"/],
    ['{"name": "a", "type": "x", "cniVersion": 1}', /no version of CNI: 1/],
    ['{"name": "a", "type": "x", "cniVersion": "1.2.0"}', /needs CNI 1\.2\.0: 1\.1\.0 is the newest known/],
  ] as const
) {
  Deno.test(`parseNetwork() refuses ${text}`, () => {
    assert.throws(
      () => parseNetwork(text, "test"),
      (error) => isError(error, Code.InvalidArgument) && why.test(error.message),
    );
  });
}

Deno.test("parsePort() takes an address and a protocol, and refuses what is no port", () => {
  assert.deepEqual(parsePort("8080:80"), { hostPort: 8080, containerPort: 80, protocol: "tcp" });
  const udp = { hostPort: 53, containerPort: 5353, protocol: "udp" };
  assert.deepEqual(parsePort("127.0.0.1:53:5353/udp"), { ...udp, hostIP: "127.0.0.1" });
  assert.deepEqual(parsePort("[::1]:53:5353/udp"), { ...udp, hostIP: "::1" });
  for (const text of ["80", "0:80", "80:0", "65536:1", "a:b", "1:2/icmp", "1:2:3", "host:1:2", "-1:2", ""]) {
    assert.throws(() => parsePort(text), (error) => isError(error, Code.InvalidArgument));
  }
});
