import assert from "node:assert/strict";
import { restartLabels } from "../../../lib/labels.ts";
import { parseRestartPolicy, wantsStart } from "../../../lib/oci/mod.ts";

const labels = (policy: string, more: Record<string, string> = {}) => ({
  [restartLabels.status]: "running",
  [restartLabels.policy]: policy,
  ...more,
});
const stopped = { [restartLabels.stopped]: "true" };

Deno.test("parseRestartPolicy() knows containerd's policies, and names what is none", () => {
  assert.deepEqual(parseRestartPolicy("on-failure:3"), { name: "on-failure", limit: 3 });
  assert.deepEqual(parseRestartPolicy("on-failure"), { name: "on-failure", limit: 0 });
  assert.deepEqual(parseRestartPolicy(""), { name: "always", limit: 0 });
  for (const text of ["sometimes", "always:3", "on-failure:x", "on-failure:-1"]) {
    assert.throws(() => parseRestartPolicy(text), /restart policy/);
  }
});

Deno.test("wantsStart() follows the policy, the exit code, the count, and who has stopped it", () => {
  assert.equal(wantsStart({}, 1), false);
  assert.equal(wantsStart({ ...labels("always"), [restartLabels.status]: "stopped" }, 1), false);
  assert.equal(wantsStart(labels("no"), 1), false);
  assert.equal(wantsStart(labels("always"), 0), true);
  assert.equal(wantsStart(labels("always", stopped), 0), false);
  assert.equal(wantsStart(labels("always", stopped), 0, { starting: true }), true);
  assert.equal(wantsStart(labels("unless-stopped"), 0), true);
  assert.equal(wantsStart(labels("unless-stopped", stopped), 0, { starting: true }), false);
  assert.equal(wantsStart(labels("on-failure"), 0), false);
  assert.equal(wantsStart(labels("on-failure"), 1), true);
  assert.equal(wantsStart(labels("on-failure:2", { [restartLabels.count]: "1" }), 1), true);
  assert.equal(wantsStart(labels("on-failure:2", { [restartLabels.count]: "2" }), 1), false);
});
