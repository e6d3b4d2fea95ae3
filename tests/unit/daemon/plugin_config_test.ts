import assert from "node:assert/strict";
import { discardsLayers, gcOptions, registryDirs, sharingPolicy } from "../../../lib/daemon/plugin_config.ts";

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

Deno.test("the directories of hosts.toml files are those that containerd would take", () => {
  const usual = ["/etc/longshore/certs.d", "/etc/containerd/certs.d", "/etc/docker/certs.d"];
  assert.deepEqual(registryDirs({}), usual);
  const transfer = { "io.containerd.transfer.v1.local": { config_path: "/a:/b" } };
  const images = { "io.containerd.cri.v1.images": { registry: { config_path: "/c" } } };
  const cri = { "io.containerd.grpc.v1.cri": { registry: { config_path: "/d" } } };
  assert.deepEqual(registryDirs({ ...cri, ...images, ...transfer }), ["/a", "/b"]);
  assert.deepEqual(registryDirs({ ...cri, ...images }), ["/c"]);
  assert.deepEqual(registryDirs(cri), ["/d"]);
  assert.deepEqual(registryDirs({ "io.containerd.grpc.v1.cri": { registry: { config_path: "" } } }), usual);
  for (const bad of ["certs.d", ":", "/a:b", 3]) {
    assert.throws(
      () => registryDirs({ "io.containerd.grpc.v1.cri": { registry: { config_path: bad } } }),
      /plugins\."io\.containerd\.grpc\.v1\.cri"\.registry\.config_path must be absolute paths/,
    );
  }
});

Deno.test("content_sharing_policy is one of two", () => {
  const of = (content_sharing_policy: unknown) =>
    sharingPolicy({ "io.containerd.metadata.v1.bolt": { content_sharing_policy } });
  assert.deepEqual([sharingPolicy({}), of("shared"), of("isolated")], ["shared", "shared", "isolated"]);
  assert.throws(
    () => of("none"),
    /metadata\.v1\.bolt"\.content_sharing_policy must be "shared" or "isolated"/,
  );
});
