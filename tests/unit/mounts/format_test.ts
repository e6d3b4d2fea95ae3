import assert from "node:assert/strict";
import type { ActiveMount, Mount } from "../../../lib/api/types/mount.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { formatMount } from "../../../lib/mounts/format.ts";

const mountOf = (part: Partial<Mount>): Mount => ({ type: "", source: "", target: "", options: [], ...part });
const active: ActiveMount[] = [0, 1, 2].map((n) => ({
  mount: mountOf({ source: `source${n}`, target: `target${n}` }),
  mountedAt: undefined,
  mountPoint: `/at/${n}`,
  data: {},
}));
const filled = (text: string) => formatMount(mountOf({ options: [text] }), active).options[0];

Deno.test("formatMount() fills in what earlier mounts are", () => {
  assert.equal(filled("{{ source 1 }}"), "source1");
  assert.equal(filled("{{target 0}}"), "target0");
  assert.equal(filled("upperdir={{ mount 2 }}/upper"), "upperdir=/at/2/upper");
  assert.equal(filled("{{mount 0}}:{{- mount 1 -}}"), "/at/0:/at/1");
  assert.equal(filled("lowerdir={{ overlay 0 2 }}"), "lowerdir=/at/0:/at/1:/at/2");
  assert.equal(filled("lowerdir={{ overlay 2 0 }}"), "lowerdir=/at/2:/at/1:/at/0");
  assert.equal(filled("lowerdir={{ overlay 1 1 }}"), "lowerdir=/at/1");
  assert.equal(filled("plain $& }}"), "plain $& }}");
  const whole = formatMount(
    mountOf({ type: "t", source: "{{ mount 0 }}", target: "{{ target 1 }}" }),
    active,
  );
  assert.deepEqual(whole, mountOf({ type: "t", source: "/at/0", target: "target1" }));
});

Deno.test("formatMount() refuses what it can't tell, and says what", () => {
  const bad = ["{{ mount 3 }}", "{{ mount -1 }}", "{{ mount }}", "{{ mount 0 1 }}", "{{ overlay 0 }}"]
    .concat("{{ overlay 0 9 }}", "{{ exec 0 }}", "{{ mount 0", "{{}}", "{{ . }}", "{{ mount 1e0 }}");
  for (const text of bad) {
    assert.throws(
      () => filled(text),
      (error) => isError(error, Code.InvalidArgument) && error.message.includes("{{"),
    );
  }
});
