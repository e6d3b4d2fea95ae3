import assert from "node:assert/strict";
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
