/** Writes records as fast as it can, telling of each that was acknowledged, until it is killed. */
import { json, table } from "../../../lib/metadata/database.ts";
import { Database } from "../../../lib/metadata/mod.ts";

const texts = table<string>("texts", json<string>());
const db = await Database.open(Deno.args[0]!);
const encoder = new TextEncoder();
for (let n = 0;; n++) {
  await db.write((tx) => tx.put(texts, ["n", `${n}`], "x".repeat(n % 3 === 0 ? 100_000 : 10)));
  Deno.stdout.writeSync(encoder.encode(`${n}\n`));
}
