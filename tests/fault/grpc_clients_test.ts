/** Clients of gRPC that are gone in the middle of what they asked. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { startLongshore } from "../harness/mod.ts";
import { until } from "./support.ts";

Deno.test("clients of gRPC that are killed while they listen, read and write leave nothing, and nobody notices", async () => {
  await using daemon = await startLongshore({ where: "shm" });
  const blob = new Uint8Array(64 << 20);
  const digest = `sha256:${createHash("sha256").update(blob).digest("hex")}`;
  const expected = ["--expected-size", String(blob.length), "--expected-digest", digest];
  const ingested = await daemon.goCtr(["content", "ingest", ...expected, "kept"], { stdin: blob });
  assert.equal(ingested.code, 0, ingested.stderr);
  // Where it reads from, a client is held up by its pipe, which nobody reads.
  const asked = (n: number) => [["events"], ["content", "get", digest], ["content", "ingest", `half${n}`]];
  const descriptors = () => [...Deno.readDirSync(`/proc/${daemon.pid}/fd`)].length;
  assert.equal((await daemon.goCtr(["version"])).code, 0);
  const before = descriptors();
  for (let round = 0; round < 2; round++) {
    const clients = [1, 2, 3, 4, 5].flatMap((n) =>
      asked(n).map((args) =>
        new Deno.Command("/usr/bin/ctr", {
          args: ["--address", daemon.address, ...args],
          stdin: "piped",
          stdout: "piped",
          stderr: "null",
        }).spawn()
      )
    );
    await until("all have connected", () => Promise.resolve(descriptors() >= before + clients.length));
    await new Promise((resolve) => setTimeout(resolve, 300));
    for (const client of clients) client.kill("SIGKILL");
    for (const client of clients) {
      await client.stdin.close().catch(() => {});
      await client.stdout.cancel();
      await client.status;
    }
    assert.equal((await daemon.goCtr(["version"])).code, 0);
    await until("their connections are gone", () => Promise.resolve(descriptors() <= before));
  }
  const { code, stderr } = await daemon.goCtr(["content", "get", digest], { timeout: 60_000 });
  assert.equal(code, 0, stderr);
});
