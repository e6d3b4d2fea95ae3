import assert from "node:assert/strict";
import { Code, CtrError } from "../../../lib/errors.ts";
import type { LeaseStore } from "../../../lib/metadata/mod.ts";
import { Holds } from "../../../lib/transfer/hold.ts";

const scope = { namespace: "n", lease: "" };

Deno.test("a lease that a full disk keeps from being deleted is deleted when there is room, without another transfer", async () => {
  const leases = new Set<string>();
  let full = true;
  const deleted = Promise.withResolvers<void>();
  const store = {
    create: (_: unknown, { id }: { id: string }) => Promise.resolve(leases.add(id)),
    delete: (_: unknown, id: string) => {
      if (full) return Promise.reject(new CtrError(Code.ResourceExhausted, "database or disk is full"));
      leases.delete(id);
      deleted.resolve();
      return Promise.resolve();
    },
  };
  const holds = new Holds(store as unknown as LeaseStore);
  const held = await holds.hold(scope, "an image");
  assert.deepEqual([held.scope.lease], [...leases]);
  await held.end();
  assert.equal(leases.size, 1);
  full = false;
  // The retry's own timer keeps no process alive.
  const alive = setTimeout(() => deleted.reject(new Error("not within 10 s")), 10_000);
  await deleted.promise;
  clearTimeout(alive);
  assert.equal(leases.size, 0);
});
