import assert from "node:assert/strict";
import { generate } from "../../../scripts/generate.ts";

Deno.test("lib/api is what `deno task generate` makes of proto/", async () => {
  const fresh = await Deno.makeTempDir({ prefix: "longshore-api-" });
  try {
    await generate(fresh);
    const kept = new URL("../../../lib/api", import.meta.url).pathname;
    const { success, stdout } = await new Deno.Command("diff", { args: ["-r", kept, fresh] }).output();
    assert.ok(success, `run deno task generate:\n${new TextDecoder().decode(stdout).slice(0, 2000)}`);
  } finally {
    await Deno.remove(fresh, { recursive: true });
  }
});
