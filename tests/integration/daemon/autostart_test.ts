import assert from "node:assert/strict";
import { ctrPath, type Output, run } from "../../harness/mod.ts";

/** Runs a script where /run and /var/lib are empty and nobody else's: the default places of daemon and socket. */
function inEmptyPlaces(script: string): Promise<Output> {
  const places = "mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib";
  // What holds the lock on the root is the daemon; the shim ends with it when it has no tasks.
  const end = `
    daemon=$(cat /var/lib/longshore/lock 2>/dev/null) || exit $code
    kill "$daemon"; while kill -0 "$daemon" 2>/dev/null; do sleep 0.05; done
    exit $code`;
  const body = `${places}; (${script}); code=$?; ${end}`;
  return run("unshare", ["--mount", "--propagation", "private", "sh", "-c", body], {
    env: { CTR: ctrPath, CONTAINERD_ADDRESS: "", CONTAINERD_NAMESPACE: "" },
  });
}

Deno.test("a command that finds no daemon starts one, says so once, and goes on", async () => {
  const { code, stdout, stderr } = await inEmptyPlaces(
    "$CTR namespaces ls -q && $CTR namespaces create one && $CTR ns ls -q",
  );
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "one\n");
  assert.match(stderr, /^ctr: started a daemon at \/run\/longshore\/longshore\.sock \([^\n]*\n$/);
});

Deno.test("commands that come at the same time start one daemon between them", async () => {
  const script = "for n in 1 2 3 4 5; do $CTR namespaces create n$n & done; wait; $CTR ns ls -q";
  const { code, stdout, stderr } = await inEmptyPlaces(script);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "n1\nn2\nn3\nn4\nn5\n");
  assert.equal(stderr.match(/started a daemon/g)?.length, 1, stderr);
});

Deno.test("--no-autostart and an explicit address start nothing", async () => {
  for (const how of ["--no-autostart", "--address /run/longshore/longshore.sock"]) {
    const { code, stdout, stderr } = await inEmptyPlaces(
      `$CTR ${how} ns ls; code=$?; ls /var/lib; exit $code`,
    );
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /^ctr: cannot reach a daemon [^\n]*\n$/);
  }
});
