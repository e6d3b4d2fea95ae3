import assert from "node:assert/strict";
import { findLeaks } from "../../harness/leaks.ts";
import { type Longshore, mountsBelow, must } from "../../harness/mod.ts";
import { fails, ok, statusOf, until, withDaemon } from "./support.ts";

const json = ["--log-driver", "json-file"];

async function pidOf(daemon: Longshore, id: string): Promise<number | undefined> {
  const line = (await ok(daemon, "tasks", "ls")).split("\n").find((line) => line.startsWith(`${id} `));
  return line?.includes("RUNNING") ? Number(line.split(/\s+/)[1]) : undefined;
}

/** Another process than `before` runs. */
async function runsAgain(daemon: Longshore, id: string, before: number | undefined): Promise<void> {
  await until(`${id} runs again`, async () => ![before, undefined].includes(await pidOf(daemon, id)));
}

async function countOf(daemon: Longshore, id: string): Promise<string> {
  const { Labels } = JSON.parse(await ok(daemon, "containers", "info", id));
  return Labels["containerd.io/restart.count"] ?? "0";
}

Deno.test("a task is started again whenever it ends, also over the daemon's death, until somebody stops it", () =>
  withDaemon(async (daemon, image) => {
    const run = [
      "run",
      "-d",
      "--restart",
      "always",
      ...json,
      image,
      "web",
      "sh",
      "-c",
      "echo up; exec sleep 1000",
    ];
    await ok(daemon, ...run);
    const first = (await pidOf(daemon, "web"))!;
    Deno.kill(first, "SIGKILL");
    await runsAgain(daemon, "web", first);
    await until("it is counted", async () => await countOf(daemon, "web") === "1");
    await until("its log goes on", async () => await ok(daemon, "logs", "web") === "up\nup\n");
    const second = await pidOf(daemon, "web");
    await daemon.crash();
    Deno.kill(second!, "SIGKILL");
    await daemon.restart();
    await runsAgain(daemon, "web", second);
    await ok(daemon, "stop", "-t", "0", "web");
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.equal(await statusOf(daemon, "web"), "STOPPED");
    // As with Docker: the next daemon starts it.
    await daemon.restart();
    await runsAgain(daemon, "web", second);
    await ok(daemon, "rm", "-f", "web");
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(await ok(daemon, "tasks", "ls", "-q"), "");
  }));

Deno.test("unless-stopped stays stopped when the daemon starts anew, until somebody starts it", () =>
  withDaemon(async (daemon, image) => {
    await ok(daemon, "run", "-d", "--restart", "unless-stopped", image, "web", "sleep", "1000");
    await ok(daemon, "stop", "-t", "0", "web");
    await daemon.restart();
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(await statusOf(daemon, "web"), "STOPPED");
    await ok(daemon, "tasks", "rm", "web");
    await ok(daemon, "tasks", "start", "-d", "web");
    const pid = (await pidOf(daemon, "web"))!;
    Deno.kill(pid, "SIGKILL");
    await runsAgain(daemon, "web", pid);
    await ok(daemon, "rm", "-f", "web");
  }));

Deno.test("on-failure tries so often and no more, and not after success", () =>
  withDaemon(async (daemon, image) => {
    await ok(
      daemon,
      "run",
      "-d",
      "--restart",
      "on-failure:2",
      ...json,
      image,
      "bad",
      "sh",
      "-c",
      "echo try; exit 1",
    );
    await ok(daemon, "run", "-d", "--restart", "on-failure", ...json, image, "good", "echo", "once");
    await until(
      "it was tried three times",
      async () => await ok(daemon, "logs", "bad") === "try\n".repeat(3),
    );
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(await ok(daemon, "logs", "bad"), "try\n".repeat(3));
    assert.equal(await ok(daemon, "logs", "good"), "once\n");
    assert.equal(await countOf(daemon, "bad"), "2");
    assert.match(
      await fails(daemon, "run", "-d", "--restart", "maybe", image, "x"),
      /restart policy "maybe"/,
    );
    assert.match(await fails(daemon, "run", "--restart", "always", image, "x"), /needs --detach/);
  }));

Deno.test("labels of other clients are orders too: a status that says stopped ends the task", () =>
  withDaemon(async (daemon, image) => {
    await ok(
      daemon,
      "run",
      "-d",
      "--label",
      "containerd.io/restart.status=running",
      image,
      "web",
      "sleep",
      "1000",
    );
    const pid = (await pidOf(daemon, "web"))!;
    Deno.kill(pid, "SIGKILL");
    await runsAgain(daemon, "web", pid);
    await ok(daemon, "containers", "label", "web", "containerd.io/restart.status=stopped");
    await until("it is stopped", async () => await statusOf(daemon, "web") === "STOPPED");
  }));

/** What a reboot leaves: no process, no mount, no state directory. */
async function reboot(daemon: Longshore): Promise<void> {
  const pids = [...(await ok(daemon, "tasks", "ls")).matchAll(/ (\d+) +RUNNING/g)].map(([, pid]) =>
    Number(pid)
  );
  await daemon.crash();
  for await (const { name } of Deno.readDir("/proc")) {
    const words = (await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "")).split("\0");
    if (words.includes("shim") && words.includes(daemon.state)) pids.unshift(Number(name));
  }
  // Daemon and shim first, so that nobody notices the rest.
  for (const pid of pids) Deno.kill(pid, "SIGKILL");
  for (const target of mountsBelow(daemon.state)) await must("umount", ["--lazy", target]);
  await Deno.remove(daemon.state, { recursive: true });
  await daemon.restart();
}

Deno.test("after a reboot of the host those run again that are to; labels as containerd's monitor has them count", () =>
  withDaemon(async (daemon, image, scratch) => {
    const log = scratch.join("by-label.log");
    const labelled = (id: string, labels: Record<string, string>, ...command: string[]) => {
      const flags = Object.entries(labels).flatMap((
        [name, value],
      ) => ["--label", `containerd.io/restart.${name}=${value}`]);
      return ok(daemon, "run", "-d", ...flags, image, id, ...command);
    };
    await ok(daemon, "run", "-d", "--restart", "always", image, "always", "sleep", "1000");
    await ok(daemon, "run", "-d", "--restart", "unless-stopped", image, "kept", "sleep", "1000");
    await ok(daemon, "run", "-d", "--restart", "unless-stopped", image, "stopped", "sleep", "1000");
    await ok(daemon, "run", "-d", image, "plain", "sleep", "1000");
    await ok(daemon, "stop", "-t", "0", "stopped");
    const running = { status: "running", policy: "always", loguri: `file://${log}` };
    await labelled("by-label", running, "sh", "-c", "echo up; exec sleep 1000");
    const explicit = { status: "running", policy: "unless-stopped", "explicitly-stopped": "true" };
    await labelled("explicit", explicit, "sleep", "1000");
    const spent = { status: "running", policy: "on-failure:2", count: "2" };
    await labelled("spent", spent, "sh", "-c", "exit 1");
    await reboot(daemon);
    for (const id of ["always", "kept", "by-label"]) {
      await until(`${id} runs`, async () => await pidOf(daemon, id) !== undefined);
    }
    await until(
      "its output is where the label says",
      async () => (await Deno.readTextFile(log).catch(() => "")).endsWith("up\n"),
    );
    assert.equal(await countOf(daemon, "by-label"), "1");
    assert.equal(
      (await ok(daemon, "tasks", "ls", "-q")).trim().split("\n").sort().join(),
      "always,by-label,kept",
    );
    // Started by hand, the container is an ordinary one again.
    await ok(daemon, "tasks", "start", "-d", "plain");
    await ok(daemon, "rm", "-f", "--all");
    assert.deepEqual(await findLeaks({ path: `${daemon.state}/tasks`, state: daemon.state }), []);
  }));
