import assert from "node:assert/strict";
import { knowsMappedMounts } from "../../../lib/shim/mapped_mounts.ts";
import { lastError, tooOld } from "../../../lib/shim/runc.ts";

Deno.test("tooOld() refuses runc before 1.0 (CVE-2019-5736) and nothing else", () => {
  for (const version of ["0.1.1", "1.0.0-rc6", "1.0.0-rc89"]) {
    assert.equal(tooOld(`runc version ${version}\ncommit: x\n`), true, version);
  }
  for (const version of ["1.0.0-rc93", "1.0.0", "1.1.5+ds1", "1.4.0", "12.0.1"]) {
    assert.equal(tooOld(`runc version ${version}\n`), false, version);
  }
  assert.equal(tooOld("crun version 0.20\n"), false);
});

Deno.test("knowsMappedMounts() trusts everything but runc before 1.2", () => {
  const versions = ["1.0.0", "1.1.5+ds1", "1.1.15", "1.2.0", "1.2.0-rc.1", "1.10.0", "2.0.0"];
  const known = versions.map((version) => knowsMappedMounts(`runc version ${version}\n`));
  assert.deepEqual(known, [false, false, false, true, true, true, true]);
  assert.equal(knowsMappedMounts("crun version 1.8.1\n"), true);
});

Deno.test("lastError() finds the last error of a log, whatever else is in it", async () => {
  const log = await Deno.makeTempFile();
  try {
    assert.equal(await lastError(log), undefined);
    const lines = [
      '{"level":"error","msg":"first"}',
      '{"level":"error","msg":"second"}',
      '{"level":"info","msg":"x"}',
    ];
    await Deno.writeTextFile(log, `${lines.join("\n")}\n{"level":"err`);
    assert.equal(await lastError(log), "second");
    await Deno.writeTextFile(log, "x".repeat(200_000) + `\n${lines.join("\n")}\n`);
    assert.equal(await lastError(log), "second");
    assert.equal(await lastError("/no/such/log"), undefined);
  } finally {
    await Deno.remove(log);
  }
});
