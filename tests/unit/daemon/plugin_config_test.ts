import assert from "node:assert/strict";
import { discardsLayers, gcOptions } from "../../../lib/daemon/plugin_config.ts";

const scheduler = (table: Record<string, unknown>) => gcOptions({ "io.containerd.gc.v1.scheduler": table });

Deno.test("the collector's keys are containerd's, with Go's durations", () => {
  assert.deepEqual(gcOptions({}), {});
  assert.deepEqual(
    scheduler({
      pause_threshold: 0.05,
      deletion_threshold: 5,
      mutation_threshold: 7n,
      schedule_delay: "1m30.5s",
      startup_delay: "250ms",
    }),
    {
      pauseThreshold: 0.05,
      deletionThreshold: 5,
      mutationThreshold: 7,
      scheduleDelay: 90_500,
      startupDelay: 250,
    },
  );
  assert.deepEqual(scheduler({ schedule_delay: "0" }), { scheduleDelay: 0 });
});

Deno.test("what is wrong with them is told with the key", () => {
  assert.throws(() => scheduler({ treshold: 1 }), /gc\.v1\.scheduler": unknown key treshold/);
  assert.throws(() => scheduler({ toString: 1 }), /unknown key toString/);
  assert.throws(() => scheduler({ mutation_threshold: 1.5 }), /mutation_threshold must be a whole number/);
  assert.throws(() => scheduler({ deletion_threshold: -1 }), /deletion_threshold must be a whole number/);
  assert.throws(() => scheduler({ pause_threshold: "2%" }), /pause_threshold must be a number/);
  for (const bad of ["", "5", "5 s", "s", 3]) {
    assert.throws(() => scheduler({ startup_delay: bad }), /startup_delay must be a duration/, String(bad));
  }
});

Deno.test("discard_unpacked_layers is read where containerd has it", () => {
  assert.equal(discardsLayers({}), false);
  assert.equal(discardsLayers({ "io.containerd.cri.v1.images": { discard_unpacked_layers: true } }), true);
  const old = { containerd: { discard_unpacked_layers: true } };
  assert.equal(discardsLayers({ "io.containerd.grpc.v1.cri": old }), true);
  assert.throws(
    () => discardsLayers({ "io.containerd.transfer.v1.local": { discard_unpacked_layers: "yes" } }),
    /discard_unpacked_layers must be true or false/,
  );
});
