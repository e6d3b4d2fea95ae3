import assert from "node:assert/strict";
import { fails, ok, until, withDaemon } from "./support.ts";

/** Says who it is, then that it is ready, and writes down what comes until both streams end. */
const program = (dir: string) =>
  `#!/bin/sh
echo "$CONTAINER_NAMESPACE/$CONTAINER_ID $*" > ${dir}/told
exec 5>&-
cat <&3 > ${dir}/out &
cat <&4 > ${dir}/err &
wait
echo done >> ${dir}/told
`;

Deno.test("a logging program gets both streams, who they are of, and its arguments; it ends with them", () =>
  withDaemon(async (daemon, image, scratch) => {
    const dir = scratch.join("log");
    await Deno.mkdir(dir);
    await Deno.writeTextFile(`${dir}/program`, program(dir), { mode: 0o755 });
    const uri = `binary://${dir}/program?key=value&flag`;
    const script = "echo out; echo err >&2; head -c 300000 /dev/zero";
    await ok(daemon, "run", "-d", "--log-uri", uri, image, "told", "sh", "-c", script);
    assert.equal(await ok(daemon, "tasks", "wait", "told"), "0\n");
    await until(
      "the program has ended",
      async () => (await Deno.readTextFile(`${dir}/told`)).includes("done"),
    );
    assert.equal(await Deno.readTextFile(`${dir}/told`), "default/told key value flag\ndone\n");
    assert.equal((await Deno.readTextFile(`${dir}/out`)).length, 300_004);
    assert.equal(await Deno.readTextFile(`${dir}/err`), "err\n");
    await ok(daemon, "rm", "told");
  }));

Deno.test("a logging program that dies hurts nobody else; one that isn't there is told", () =>
  withDaemon(async (daemon, image, scratch) => {
    const dying = scratch.join("dying");
    await Deno.writeTextFile(dying, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const script = "trap '' PIPE; while :; do echo x; sleep 0.05; done 2>/dev/null";
    await ok(daemon, "run", "-d", "--log-uri", `binary://${dying}`, image, "loud", "sh", "-c", script);
    assert.equal(await ok(daemon, "run", "--rm", image, "other", "echo", "fine"), "fine\n");
    await ok(daemon, "rm", "-f", "loud");
    const missing = ["run", "-d", "--log-uri", "binary:///nosuch/program", image, "lost", "true"];
    assert.match(await fails(daemon, ...missing), /\/nosuch\/program/);
    await ok(daemon, "rm", "lost");
  }));

Deno.test("a file:// log is appended to by each task of a container", () =>
  withDaemon(async (daemon, image, scratch) => {
    const uri = `file://${scratch.join("some/where/log")}`;
    await ok(daemon, "run", "-d", "--log-uri", uri, image, "twice", "sh", "-c", "echo out; echo err >&2");
    await ok(daemon, "tasks", "wait", "twice");
    await ok(daemon, "tasks", "rm", "twice");
    await ok(daemon, "tasks", "start", "-d", "--log-uri", uri, "twice");
    await ok(daemon, "tasks", "wait", "twice");
    await ok(daemon, "rm", "twice");
    const lines = (await Deno.readTextFile(scratch.join("some/where/log"))).trim().split("\n");
    assert.deepEqual(lines.sort(), ["err", "err", "out", "out"]);
  }));
