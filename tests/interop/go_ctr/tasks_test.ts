import assert from "node:assert/strict";
import { differs, fed, Sides, type Step, step } from "./steps.ts";

const env = "env | grep -v -e HOSTNAME -e SHLVL | sort";
const limits =
  "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us";

/** What a container sees of its flags, and what code comes back. */
const runs = (image: string): Step[] => [
  step("images", "pull", "--plain-http", image),
  step("run", "--rm", image, "r1", "echo", "hi"),
  step("run", "--rm", image, "r1", "sh", "-c", "echo out; echo err >&2; exit 7"),
  step("run", "--rm", image, "r1", "sh", "-c", "kill -9 $$"),
  fed("typed\n", "run", "--rm", image, "r1", "head", "-n1"),
  step("run", "--rm", "--env", "A=b", "--env", "PATH=/bin", image, "r1", "/bin/sh", "-c", env),
  step("run", "--rm", "--cwd", "/tmp", image, "r1", "pwd"),
  step("run", "--rm", "--user", "alice", image, "r1", "id"),
  step("run", "--rm", "--user", "1000:29", image, "r1", "id"),
  step("run", "--rm", "--user", "nosuch", image, "r1", "id"),
  step("run", "--rm", "--label", "x=y", image, "r1", "hostname"),
  step("run", "--rm", "--read-only", image, "r1", "touch", "/new"),
  step("run", "--rm", "--net-host", image, "r1", "sh", "-c", "ls /sys/class/net | sort"),
  step("run", "--rm", image, "r1", "sh", "-c", "ls /sys/class/net | sort"),
  step(
    "run",
    "--rm",
    "--mount",
    "type=bind,src=/etc,dst=/mnt,options=rbind:ro",
    image,
    "r1",
    "cat",
    "/mnt/debian_version",
  ),
  step("run", "--rm", "--mount", "type=tmpfs,dst=/mnt,options=size=65536", image, "r1", "df", "/mnt"),
  step("run", "--rm", "--mount", "type=bind,src=/nosuch", image, "r1", "true"),
  step(
    "run",
    "--rm",
    "--memory-limit",
    "33554432",
    "--cpus",
    "0.5",
    "--mount",
    "type=cgroup,src=cgroup,dst=/sys/fs/cgroup,options=ro",
    image,
    "r1",
    "sh",
    "-c",
    limits,
  ),
  step("run", "--rm", "--privileged", image, "r1", "grep", "CapEff", "/proc/self/status"),
  step(
    "run",
    "--rm",
    image,
    "r1",
    "sh",
    "-c",
    "grep Cap /proc/self/status; ulimit -n",
  ),
  step("run", "--rm", image, "r1", "sh", "-c", "awk '{print $2,$3,$4}' /proc/mounts | grep -v '^/ ' | sort"),
  step("run", "--rm", image, "r1", "sh", "-c", "ls /dev | sort; cat /proc/1/cmdline"),
  differs(
    "a container takes its shim's oom_score_adj: containerd gives its shims one more than its own",
    "run",
    "--rm",
    image,
    "r1",
    "cat",
    "/proc/self/oom_score_adj",
  ),
  differs("runc's log lies in another directory", "run", "--rm", image, "r1", "nosuchcommand"),
  step("run", "--rm", "docker.io/library/nosuch:1", "r1"),
  step("containers", "ls"),
  step("snapshots", "ls"),
];

/** A container in the background, by the commands for tasks. */
const tasks = (image: string): Step[] => [
  step("run", "-d", "--label", "x=y", image, "r2", "sleep", "1000"),
  step("run", "-d", image, "r2", "sleep", "1000"),
  step("containers", "ls"),
  step("tasks", "ls"),
  step("tasks", "ls", "-q"),
  step("tasks", "ps", "r2"),
  step("tasks", "ps", "nosuch"),
  step("tasks", "exec", "--exec-id", "e1", "r2", "echo", "hi"),
  step(
    "tasks",
    "exec",
    "--exec-id",
    "e1",
    "--cwd",
    "/tmp",
    "--user",
    "1000",
    "r2",
    "sh",
    "-c",
    "pwd; id -u; exit 5",
  ),
  fed("typed\n", "tasks", "exec", "--exec-id", "e1", "r2", "head", "-n1"),
  step("tasks", "exec", "--exec-id", "e1", "nosuch", "true"),
  differs("the words of a refused id are our own", "tasks", "exec", "--exec-id", "-bad-", "r2", "true"),
  step("tasks", "start", "nosuch"),
  step("tasks", "pause", "r2"),
  step("tasks", "ls"),
  step("tasks", "resume", "r2"),
  step("tasks", "pause", "nosuch"),
  step("tasks", "resume", "nosuch"),
  step("tasks", "ls"),
  differs("times and counts are each one's own", "tasks", "metrics", "r2"),
  step("tasks", "metrics", "nosuch"),
  step("tasks", "rm", "r2"),
  step("containers", "rm", "r2"),
  step("tasks", "kill", "nosuch"),
  step("tasks", "kill", "-s", "FOO", "r2"),
  differs("we name the container too", "tasks", "kill", "--exec-id", "nosuch", "r2"),
  step("tasks", "kill", "-s", "KILL", "r2"),
  { args: ["tasks", "rm", "-f", "r2"], differs: "the exit may be known before or after" },
  step("tasks", "rm", "r2"),
  step("tasks", "ls"),
  step("containers", "rm", "r2"),
  step("containers", "info", "r2"),
  step("snapshots", "ls"),
];

Deno.test("containers that Go's ctr runs are with us as with containerd", async (t) => {
  await using sides = await Sides.start();
  for (const [name, steps] of Object.entries({ runs, tasks })) {
    await t.step(name, async () => {
      const differences = await sides.compare(steps(sides.image));
      assert.equal(differences.join("\n"), "");
    });
  }
});
