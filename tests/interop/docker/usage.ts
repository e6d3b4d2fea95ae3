/** What users of Docker do with containers. */
import assert from "node:assert/strict";
import { type Docker, UserTerminal } from "../../harness/mod.ts";

export const stateOf = (docker: Docker, id: string) =>
  docker.must("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}", id);

export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 400; n++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`never: ${what}`);
}

/** Steps of a test, with the image `box`; `flags` for every `docker run`. */
export async function useDocker(t: Deno.TestContext, docker: Docker, flags: string[] = []): Promise<void> {
  const run = ["run", "--network", "none", ...flags];
  await t.step("run: output, input, exit codes, what isn't there", async () => {
    assert.equal(await docker.must(...run, "--rm", "box", "echo", "hello"), "hello");
    const cat = await docker.run([...run, "--rm", "-i", "box", "cat"], { stdin: "from outside" });
    assert.equal(cat.stdout, "from outside");
    assert.equal((await docker.run([...run, "--rm", "box", "sh", "-c", "exit 3"])).code, 3);
    const missing = await docker.run([...run, "--rm", "box", "nosuch"]);
    assert.equal(missing.code, 127);
    assert.match(missing.stderr, /exec: "nosuch": executable file not found in \$PATH/);
  });
  await t.step("run: users, limits, what is read-only", async () => {
    const confined = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
    const more = ["--pids-limit", "10", "--ulimit", "nofile=50:60", "--user", "alice"];
    const script = "id -u; id -G; ulimit -n; echo >/a || echo read-only; grep CapBnd /proc/self/status";
    const told = await docker.must(...run, "--rm", ...confined, ...more, "box", "sh", "-c", script);
    assert.deepEqual(told.split("\n"), [
      "1000",
      "1000 29 44",
      "50",
      "read-only",
      "CapBnd:\t0000000000000000",
    ]);
  });
  await t.step("exec, top, stats, pause, update, stop, start, kill", async () => {
    await docker.must(...run, "-d", "--name", "web", "box", "sleep", "1000");
    assert.match(await docker.must("exec", "web", "ps"), /1 root +.*sleep 1000/);
    assert.equal((await docker.run(["exec", "-i", "web", "sh", "-c", "exit 4"])).code, 4);
    assert.match(await docker.must("top", "web"), /sleep 1000/);
    assert.match(await docker.must("stats", "--no-stream", "web"), /web .* [1-9][\d.]*[KM]iB \/ /);
    await docker.must("pause", "web");
    assert.match(await docker.must("ps"), /\(Paused\)/);
    await docker.must("unpause", "web");
    await docker.must("update", "--memory", "64m", "--memory-swap", "128m", "web");
    await docker.must("stop", "--time", "1", "web");
    assert.equal(await stateOf(docker, "web"), "exited 137 false");
    await docker.must("start", "web");
    await docker.must("kill", "web");
    await until("it has been killed", async () => await stateOf(docker, "web") === "exited 137 false");
    await docker.must("rm", "web");
  });
  await t.step("a kill for want of memory is told", async () => {
    const grow = "x=aaaaaaaa; while :; do x=$x$x; done";
    const { code } = await docker.run([
      ...run,
      "--name",
      "fat",
      "-m",
      "20m",
      "box",
      "sh",
      "-c",
      grow,
    ]);
    assert.equal(code, 137);
    assert.equal(await stateOf(docker, "fat"), "exited 137 true");
  });
  await t.step("a restart policy", async () => {
    const policy = ["--restart", "on-failure:2"];
    await docker.must(
      ...run,
      "-d",
      "--name",
      "again",
      ...policy,
      "box",
      "sh",
      "-c",
      "echo run; exit 1",
    );
    const count = ["inspect", "--format", "{{.RestartCount}} {{.State.Status}}", "again"];
    await until("it was started three times", async () => await docker.must(...count) === "2 exited");
    assert.equal(await docker.must("logs", "again"), "run\nrun\nrun");
  });
  await t.step("a terminal", async () => {
    await using user = new UserTerminal({ width: 70, height: 20 });
    user.run(...docker.words(...run, "--rm", "-it", "box", "sh"));
    await user.sees("/ # ");
    user.type("stty size; exit 5\n");
    await user.sees(/20 70\r\n/);
    assert.equal(await user.ended(), 5);
  });
  await t.step("commit", async () => {
    await docker.must(...run, "--name", "changed", "box", "sh", "-c", "echo x >/tmp/x; rm /bin/vi");
    await docker.must("commit", "changed", "other");
    assert.equal(
      await docker.must(...run, "--rm", "other", "sh", "-c", "ls /tmp; [ -e /bin/vi ] || echo gone"),
      "x\ngone",
    );
  });
}
