import assert from "node:assert/strict";
import { openHoles } from "../../../lib/daemon/runc_version.ts";

Deno.test("CVE-2025-31133, CVE-2025-52565, CVE-2025-52881: openHoles() knows which runc has them", () => {
  for (
    const version of ["1.0.0-rc93", "1.1.5+ds1", "1.2.7", "1.2.0-rc.1", "1.3.2", "1.3.3-rc.1", "1.4.0-rc.2"]
  ) {
    assert.match(openHoles(version) ?? "", /^runc \S+ has holes .*CVE-2025-31133/, version);
  }
  for (
    const version of [
      "1.2.8",
      "1.2.9+ds1",
      "1.3.3",
      "1.3.10",
      "1.4.0-rc.3",
      "1.4.0",
      "1.4.1",
      "1.5.0-rc.1",
      "2.0.0",
    ]
  ) {
    assert.equal(openHoles(version), undefined, version);
  }
  assert.equal(openHoles("unknown"), undefined);
  assert.match(openHoles("1.1.13")!, /CVE-2024-45310/);
  assert.doesNotMatch(openHoles("1.1.14")! + openHoles("1.2.1"), /CVE-2024-45310/);
});
