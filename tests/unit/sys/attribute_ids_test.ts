import assert from "node:assert/strict";
import fc from "fast-check";
import { fromHost, toHost } from "../../../lib/id_mappings.ts";
import { accessListWith, capabilityFor, capabilityWithin } from "../../../lib/sys/mod.ts";

const mappings = [
  { containerID: 0, hostID: 200000, size: 1000 },
  { containerID: 1000, hostID: 500000, size: 10 },
];
const bytes = (hex: string) => Uint8Array.fromHex(hex.replaceAll(" ", ""));
// cap_chown+ep, as setcap writes it, and as the kernel keeps it for a root of 200000.
const plain = bytes("01000002 01000000 00000000 00000000 00000000");
const mapped = bytes("01000003 01000000 00000000 00000000 00000000 400d0300");

Deno.test("fromHost() is the reverse of toHost(), and knows no others", () => {
  fc.assert(fc.property(fc.nat(2000), (id) => {
    const host = toHost(mappings, id);
    assert.equal(host === undefined ? id : fromHost(mappings, host), id);
  }));
  assert.deepEqual([199999, 201000, 500010, 0].map((id) => fromHost(mappings, id)), Array(4).fill(undefined));
});

Deno.test("capabilityWithin() undoes capabilityFor(); what isn't theirs stays", () => {
  assert.deepEqual(capabilityFor(plain, mappings), mapped);
  assert.deepEqual(capabilityWithin(mapped, mappings), plain);
  const other = bytes("01000003 01000000 00000000 00000000 00000000 01000000");
  for (const same of [plain, other, bytes(""), bytes("00"), bytes("01000001 01000000 00000000")]) {
    assert.deepEqual(capabilityWithin(same, mappings), same);
  }
  // A root of its own within: user 5 there.
  const inner = bytes("01000003 01000000 00000000 00000000 00000000 05000000");
  assert.deepEqual(capabilityWithin(capabilityFor(inner, mappings), mappings), inner);
});

Deno.test("accessListWith() changes ids of users and groups, and nothing else", () => {
  // user::rw-, user:1000:r--, group::r--, group:7:r--, mask::r--, other::---
  const list = bytes(
    "02000000 0100 0600 ffffffff 0200 0400 e8030000 0400 0400 ffffffff 0800 0400 07000000" +
      "1000 0400 ffffffff 2000 0000 ffffffff",
  );
  const seen: [string, number][] = [];
  const given = accessListWith(list, (kind, id) => {
    seen.push([kind, id]);
    return toHost(mappings, id)!;
  });
  assert.deepEqual(seen, [["uids", 1000], ["gids", 7]]);
  assert.equal(given.toHex(), list.toHex().replace("e8030000", "20a10700").replace("07000000", "470d0300"));
  assert.deepEqual(accessListWith(given, (_, id) => fromHost(mappings, id)!), list);
  for (const other of [bytes("02"), bytes("01000000"), bytes("02000000 0100")]) {
    assert.deepEqual(accessListWith(other, () => 0), other);
  }
});
