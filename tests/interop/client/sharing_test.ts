/** `content_sharing_policy`: whether a digest alone is enough to get what another namespace has, here and in containerd. */
import assert from "node:assert/strict";
import { Client } from "../../../mod.ts";
import { codeOf } from "../../../lib/errors.ts";
import { WriteAction, WriteContentRequest } from "../../../lib/api/services/content/v1/content.ts";
import { complete } from "../../../lib/rpc/service.ts";
import {
  busyboxImage,
  type Containerd,
  type Longshore,
  must,
  push,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { containerd2 } from "../../harness/containerd2.ts";
import { digestOf } from "../../integration/push/real.ts";
import { Front } from "../../integration/registry/front.ts";

const { STAT, WRITE, COMMIT } = WriteAction;
const data = new TextEncoder().encode("a secret of the first namespace");
const expected = digestOf(data);
const total = BigInt(data.length);
const label = { "containerd.io/gc.root": "test" };
const policyOf = (policy: string) =>
  `[plugins."io.containerd.metadata.v1.bolt"]\ncontent_sharing_policy = "${policy}"\n`;

/** What a write of such requests comes to: offsets told, or the class of its error. */
async function write(
  daemon: { address: string },
  namespace: string,
  requests: Partial<WriteContentRequest>[],
) {
  await using client = await Client.connect(daemon.address, { namespace });
  async function* sent() {
    for (const request of requests) {
      yield complete(WriteContentRequest, { ref: `r-${namespace}`, expected, total, ...request });
    }
  }
  try {
    const answers = await Array.fromAsync(client.services.content.write(sent()));
    // Go's daemon answers the stream's end, too.
    return answers.slice(0, requests.length).map(({ offset }) => Number(offset));
  } catch (error) {
    return codeOf(error);
  }
}

/** What comes of asking by the digest alone, of bytes that are wrong, and of right ones. */
async function asked(daemon: Containerd | Longshore) {
  const whole = [{ action: STAT }, { action: WRITE, data }, { action: COMMIT, offset: total, labels: label }];
  const first = await write(daemon, "first", whole);
  const outcomes = {
    first,
    byDigest: await write(daemon, "second", [{ action: STAT }, {
      action: COMMIT,
      offset: total,
      labels: label,
    }]),
    stat: await write(daemon, "third", [{ action: STAT }]),
    wrong: await write(daemon, "fourth", [
      { action: STAT },
      { action: COMMIT, data: new Uint8Array(data.length), labels: label },
    ]),
    right: await write(daemon, "fifth", whole),
    own: await write(daemon, "first", [{ action: STAT }]),
  };
  const shared = await daemon.ctr(["namespaces", "label", "first", "containerd.io/namespace.shareable=true"]);
  assert.equal(shared.code, 0, shared.stderr);
  return { ...outcomes, shareable: await write(daemon, "sixth", [{ action: STAT }]) };
}

const second = containerd2();

for (const policy of ["shared", "isolated"]) {
  Deno.test(`content_sharing_policy = "${policy}": writes come to what they come to in containerd`, async () => {
    await using theirs = await startContainerd("shm", {}, undefined, policyOf(policy));
    await using ours = await startLongshore({ where: "shm", config: policyOf(policy) });
    const [their, our] = [await asked(theirs), await asked(ours)];
    // Debian's 1.6 doesn't know the label yet.
    assert.deepEqual({ ...our, shareable: their.shareable }, their);
    assert.deepEqual(our.stat, [policy === "shared" ? data.length : 0]);
    assert.deepEqual(our.shareable, [data.length]);
    const told = (await ours.ctr(["plugins", "ls", "-d", "id==bolt,type==io.containerd.metadata.v1"])).stdout;
    assert.match(told, new RegExp(`policy +${policy}\\n`));
    if (!second) return;
    await using newer = await startContainerd("shm", { PATH: second.path }, undefined, policyOf(policy));
    assert.deepEqual(our, await asked(newer));
  });
}

Deno.test("isolated namespaces fetch each for itself, and import what they show", async () => {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  const layout = await busyboxImage(scratch);
  await push(layout, registry, "box:1");
  await using front = new Front(registry.host);
  await using ours = await startLongshore({ where: "shm", config: policyOf("isolated") });
  const image = `${front.host}/box:1`;
  const pull = async (...flags: string[]) => {
    const { code, stderr } = await ours.ctr([...flags, "images", "pull", image]);
    assert.equal(code, 0, stderr);
    return front.take().filter((line) => line.startsWith("GET ") && line.includes("/blobs/"));
  };
  const fetched = await pull();
  assert.equal(fetched.length, 2, "a config and a layer");
  assert.deepEqual(await pull("-n", "other"), fetched);
  assert.deepEqual(await pull("-n", "other"), [], "its own it has");
  const local = await ours.ctr(["-n", "third", "images", "pull", "--local", image]);
  assert.equal(local.code, 0, local.stderr);
  assert.equal(front.take().filter((line) => line.startsWith("GET ") && line.includes("/blobs/")).length, 2);
  const archive = scratch.join("box.tar");
  await must("skopeo", ["copy", "--quiet", `oci:${layout.path}:${layout.tag}`, `oci-archive:${archive}:box`]);
  const imported = await ours.ctr(["-n", "fourth", "images", "import", "--base-name", "box", archive]);
  assert.equal(imported.code, 0, imported.stderr);
  for (const flags of [[], ["-n", "other"], ["-n", "third"]]) {
    const ran = await ours.ctr([...flags, "run", "--rm", image, "sharing", "echo", "runs"]);
    assert.equal(ran.stdout, "runs\n", ran.stderr);
  }
  const blobs = await Array.fromAsync(Deno.readDir(`${ours.root}/content/blobs/sha256`));
  assert.equal(blobs.length, 3, "the bytes are on disk once");
});
