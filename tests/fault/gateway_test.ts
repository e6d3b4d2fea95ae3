import assert from "node:assert/strict";
import { findLeaks } from "../harness/leaks.ts";
import { type Longshore, startLongshore } from "../harness/mod.ts";
import { noTraces } from "./support.ts";

/** The process that speaks gRPC for a daemon. */
function gatewayOf(daemon: Longshore): number | undefined {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const words = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0");
      if (words.includes("grpc-gateway") && words.includes(`${daemon.state}/gateway.ttrpc`)) {
        return Number(name);
      }
    } catch {
      // It ended while we looked.
    }
  }
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`not within 5 seconds: ${what}`);
}

Deno.test("a gateway comes with the first client of gRPC", async () => {
  await using daemon = await startLongshore();
  assert.equal((await daemon.ctr(["version"])).code, 0);
  assert.equal(gatewayOf(daemon), undefined, "our own ctr needs none");
  const versions = await Promise.all([1, 2, 3, 4].map(() => daemon.goCtr(["version"])));
  assert.deepEqual(versions.map(({ code }) => code), [0, 0, 0, 0]);
  assert.notEqual(gatewayOf(daemon), undefined);
});

Deno.test("a gateway that aborts is replaced, and its daemon does not notice", async () => {
  await using daemon = await startLongshore();
  assert.equal((await daemon.goCtr(["namespaces", "create", "kept"])).code, 0);
  const first = gatewayOf(daemon)!;
  const events = daemon.ctr(["--timeout", "3s", "events"]);
  Deno.kill(first, "SIGABRT");
  await until("the gateway is gone", () => gatewayOf(daemon) !== first);
  assert.match((await daemon.goCtr(["namespaces", "ls", "-q"])).stdout, /kept/);
  assert.notEqual(gatewayOf(daemon), undefined);
  assert.match((await events).stderr, /timeout/);
  assert.match(daemon.log(), /gRPC gateway ended/);
});

Deno.test("a gateway ends with its daemon, also when that is killed", async () => {
  await using daemon = await startLongshore();
  assert.equal((await daemon.goCtr(["version"])).code, 0);
  const first = gatewayOf(daemon)!;
  await daemon.crash();
  await until("the gateway is gone", async () => {
    return !(await findLeaks({ path: daemon.state })).some((leak) => leak.includes(String(first)));
  });
  await daemon.restart();
  assert.equal((await daemon.goCtr(["version"])).code, 0);
  await noTraces(daemon);
});
