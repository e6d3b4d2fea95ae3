import assert from "node:assert/strict";
import { Code, isError } from "../../lib/errors.ts";
import { idMappingsText, mappingsOf, parseIdMappings, toHost } from "../../lib/id_mappings.ts";
import { withUserNamespace } from "../../lib/oci/mod.ts";
import { defaultSpec } from "../../lib/oci/mod.ts";

const last = 2 ** 32 - 2;

Deno.test("ranges of ids are read and written", () => {
  const text = `0:100000:1000,1000:5:1,5000:${last}:1`;
  const mappings = parseIdMappings(text, "map");
  assert.deepEqual(mappings[1], { containerID: 1000, hostID: 5, size: 1 });
  assert.equal(idMappingsText(mappings), text);
  assert.deepEqual([0, 999, 1000, 1001, 5000].map((id) => toHost(mappings, id)), [
    100000,
    100999,
    5,
    undefined,
    last,
  ]);
});

for (
  const [text, why] of Object.entries({
    "": /write container-id/,
    "0:1": /write container-id/,
    "0:1:2:3": /write container-id/,
    "a:1:2": /write container-id/,
    "0:-1:2": /write container-id/,
    "0x0:1:2": /write container-id/,
    "1e3:1:2": /write container-id/,
    " 0:1:2": /write container-id/,
    "0:1:2,": /write container-id/,
    "0:100000:0": /no ids/,
    [`0:${last}:2`]: /ids go up to 4294967294/,
    [`${last + 1}:0:1`]: /ids go up to/,
    "0:99999999999999999999:1": /ids go up to/,
    "0:0:4294967296": /ids go up to/,
    "0:1000:10,9:5000:1": /overlap in the container/,
    "0:1000:10,10:1009:1": /overlap on the host/,
    [Array.from({ length: 341 }, (_, n) => `${n}:${n}:1`).join()]: /more than 340/,
  })
) {
  Deno.test(`ids can't be mapped by ${JSON.stringify(text.slice(0, 30))}`, () => {
    assert.throws(
      () => parseIdMappings(text, "--uidmap"),
      (error) =>
        isError(error, Code.InvalidArgument) && why.test(error.message) && /^--uidmap /.test(error.message),
    );
  });
}

Deno.test("a snapshot's labels name both maps or none", () => {
  const [uid, gid] = ["containerd.io/snapshot/uidmapping", "containerd.io/snapshot/gidmapping"];
  assert.equal(mappingsOf({ other: "1" }), undefined);
  assert.deepEqual(mappingsOf({ [uid!]: "0:5:1", [gid!]: "0:6:1" })?.gids, [
    { containerID: 0, hostID: 6, size: 1 },
  ]);
  assert.throws(() => mappingsOf({ [uid!]: "0:5:1" }), /need each other/);
});

Deno.test("a spec with a user namespace has no group that nobody can be", async () => {
  const optionsWith = async (size: number) => {
    const spec = defaultSpec("default", "x");
    const ids = [{ containerID: 0, hostID: 9, size }];
    await withUserNamespace({ uids: ids, gids: ids })(spec, { namespace: "default", id: "x" });
    assert.deepEqual(spec.linux.namespaces.at(-1), { type: "user" });
    assert.deepEqual([spec.linux.uidMappings, spec.linux.gidMappings], [ids, ids]);
    return spec.mounts.find(({ type }) => type === "devpts")!.options!;
  };
  assert.ok((await optionsWith(6)).includes("gid=5"));
  assert.ok(!(await optionsWith(5)).some((option) => option.startsWith("gid=")));
});
