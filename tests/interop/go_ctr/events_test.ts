import assert from "node:assert/strict";
import {
  busyboxImage,
  goCtr,
  push,
  Scratch,
  startContainerd,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";
import { pathWithCriu } from "../../harness/criu.ts";

/** Events as Go's ctr prints them, while `work` is done: topic, and the payload's fields without what must differ. */
async function eventsDuring(
  address: string,
  namespace: string,
  work: () => Promise<unknown>,
): Promise<string[]> {
  const child = new Deno.Command("/usr/bin/ctr", {
    args: ["--address", address, "events"],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = new Response(child.stdout).text();
  await new Promise((resolve) => setTimeout(resolve, 500));
  await work();
  await new Promise((resolve) => setTimeout(resolve, 500));
  child.kill("SIGTERM");
  await child.status;
  const lines = (await output).trim().split("\n").filter((line) => line.includes(` ${namespace} `));
  return lines.map((line) => {
    const [, topic, payload] = / (\/\S+) (\{.*\})$/.exec(line)!;
    return `${topic} ${JSON.stringify(shape(JSON.parse(payload!)))}`;
  });
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 400 && !await holds(); n++) await new Promise((resolve) => setTimeout(resolve, 25));
}

/** A payload with times, pids, paths and digests reduced to what they are. */
function shape(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => shape(item, key));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shape(inner, key)]));
  }
  if (key === "pid" && typeof value === "number") return "PID";
  if (typeof value !== "string") return value;
  if (/_at$|timestamp/.test(key)) return "TIME";
  if (/^(workdir|upperdir|lowerdir)=/.test(value)) return value.split("=")[0];
  return value.startsWith("/") ? "PATH" : value.replace(/127\.0\.0\.1:\d+/, "HOST")
    .replace(/-parent-view-\S+/, "-parent-view").replace(/:\d\d-\d\d-\d{4}-[\d:]+$/, ":NOW");
}

Deno.test("a container's life makes the same events as with containerd, in the same order", async () => {
  await using scratch = await Scratch.make();
  await using registry = await startRegistry();
  const reference = await push(await busyboxImage(scratch), registry, "busybox:latest");
  const PATH = pathWithCriu();
  const env: Record<string, string> = PATH ? { PATH } : {};
  await using theirs = await startContainerd("shm", env);
  await using ours = await startLongshore({ where: "shm", env });
  const seen: string[][] = [];
  for (const address of [theirs.address, ours.address]) {
    const namespace = address === ours.address ? "events-b" : "events-a";
    const ctr = async (...args: string[]) => {
      const { code, stderr } = await goCtr(address, ["-n", namespace, ...args]);
      assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    };
    await ctr("images", "pull", "--plain-http", reference);
    const events = await eventsDuring(address, namespace, async () => {
      await ctr("run", "-d", reference, "life", "sleep", "1000");
      await ctr("tasks", "exec", "--exec-id", "look", "life", "true");
      await ctr("tasks", "pause", "life");
      await ctr("tasks", "resume", "life");
      if (PATH) await ctr("tasks", "checkpoint", "life");
      await ctr("tasks", "kill", "-s", "SIGKILL", "life");
      // The signal is sent when the command ends; the process may still be dying.
      await until(async () =>
        (await goCtr(address, ["-n", namespace, "tasks", "ls"])).stdout.includes("STOPPED")
      );
      await ctr("tasks", "rm", "life");
      await ctr("containers", "rm", "life");
      await ctr("images", "tag", reference, "docker.io/library/other:1");
      await ctr("images", "label", "docker.io/library/other:1", "a=b");
      await ctr("images", "rm", "docker.io/library/other:1");
    });
    seen.push(events.map((event) => event.replaceAll(namespace, "NAMESPACE")));
  }
  // containerd has the topic and its shim for runc never uses it; whoever watches ours is told.
  const checkpointed = '/tasks/checkpointed {"container_id":"life","checkpoint":"PATH"}';
  assert.equal(seen[1]!.includes(checkpointed), PATH !== undefined);
  assert.deepEqual(seen[1]!.filter((event) => event !== checkpointed), seen[0]);
  assert.ok(seen[0]!.some((event) => event.startsWith("/tasks/exit")), seen[0]!.join("\n"));
});
