/** An exec by one call, over both sockets: what is told of it, and when it is deleted. */
import assert from "node:assert/strict";
import {
  ExecsDefinition,
  type RunRequest,
  type RunResponse,
} from "../../../lib/api/services/execs/v1/execs.ts";
import { TasksDefinition } from "../../../lib/api/services/tasks/v1/tasks.ts";
import { Code, isError } from "../../../lib/errors.ts";
import { busyboxImage, must, Scratch } from "../../harness/mod.ts";
import { overBoth } from "./both.ts";

const fails = (code: Code) => (error: unknown) => isError(error, code);
const scope = { namespace: "default" };
const plain: RunRequest = {
  containerId: "box",
  execId: "",
  args: ["true"],
  env: [],
  cwd: "",
  user: "",
  noInput: false,
};

/** What is told up to the end of the process, and its output. */
async function course(news: AsyncIterator<RunResponse>) {
  const next = async () => (await news.next()).value!;
  const { made } = await next();
  const output = Promise.all([Deno.readTextFile(made!.stdout), Deno.readTextFile(made!.stderr)]);
  output.catch(() => {});
  const { started } = await next();
  const { ended } = await next();
  return { made: made!, started: started!, ended, output: await output };
}

const there = (path: string) => Deno.lstat(path).then(() => true, () => false);

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 200; n++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`not within 5 s: ${what}`);
}

Deno.test("an exec tells of its pipes, its start and its end, and is deleted when its caller ends the call", async () => {
  await using scratch = await Scratch.make("shm");
  const image = await busyboxImage(scratch, ["--config.env", "A=b"]);
  const archive = scratch.join("image.tar");
  await must("tar", ["-C", image.path, "-cf", archive, "."]);
  await overBoth(async (connect, name, daemon) => {
    await using channel = await connect();
    const ctr = async (...args: string[]) => assert.equal((await daemon.ctr(args)).code, 0, args.join(" "));
    if (name === "grpc") {
      await ctr("images", "import", "--index-name", "box", archive);
      await ctr("run", "-d", "box", "box", "sleep", "1000");
    }
    const tasks = channel.stub(TasksDefinition, scope);
    const execs = channel.stub(ExecsDefinition, scope);
    const run = (wish: Partial<RunRequest>) => execs.run({ ...plain, ...wish })[Symbol.asyncIterator]();
    const isGone = (execId: string) =>
      tasks.get({ containerId: "box", execId }).then(() => false, fails(Code.NotFound));

    const script = "echo $A $C; pwd; id -u >&2; exit 3";
    const args = ["sh", "-c", script];
    const news = run({ execId: "one", args, env: ["C=d"], cwd: "/tmp", user: "alice" });
    const { made, started, ended, output } = await course(news);
    assert.deepEqual([ended, output], [3, ["b d\n/tmp\n", "1000\n"]]);
    assert.equal((await tasks.get({ containerId: "box", execId: "one" })).process!.pid, started);
    assert.equal(await there(made.stdout), true, "it stays while its caller reads");
    await news.return!();
    await until("it is deleted", () => isGone("one"));
    await until("its pipes are removed", async () => !await there(made.stdout));

    const mute = await course(run({ execId: "mute", args: ["readlink", "/proc/self/fd/0"], noInput: true }));
    assert.deepEqual([mute.made.stdin, mute.output[0]], ["", "/dev/null\n"]);

    const cat = run({ execId: "two", args: ["cat"] });
    const { made: its } = (await cat.next()).value!;
    const copied = Deno.readTextFile(its!.stdout);
    await Deno.writeTextFile(its!.stdin, "said\n");
    await cat.next();
    await execs.closeInput({ containerId: "box", execId: "two" });
    assert.equal((await cat.next()).value!.ended, 0, "it has seen the end of its input");
    assert.equal(await copied, "said\n");
    await cat.return!();

    await assert.rejects(course(run({ containerId: "other", execId: "four" })), fails(Code.NotFound));
    for (const execId of ["", "../x", "a/b"]) {
      await assert.rejects(course(run({ execId })), fails(Code.InvalidArgument), execId);
    }
    await assert.rejects(course(run({ execId: "four", user: "nobody-here" })), fails(Code.InvalidArgument));
    await assert.rejects(course(run({ execId: "four", args: ["/nosuch"] })), /exec failed: .*no such file/);
    assert.ok(await isGone("four"), "what could not be started is not there");

    const left = run({ execId: "three", args: ["sleep", "1000"] });
    const { made: kept } = (await left.next()).value!;
    assert.ok((await left.next()).value!.started! > 0);
    await assert.rejects(course(run({ execId: "three" })), fails(Code.AlreadyExists));
    await left.return!();
    await tasks.kill({ containerId: "box", execId: "three", signal: 9 });
    assert.equal((await tasks.wait({ containerId: "box", execId: "three" })).exitStatus, 137);
    assert.equal(await there(kept!.stdout), true, "one whose caller has left before its end stays");
    await tasks.deleteProcess({ containerId: "box", execId: "three" });
    await until("its pipes go with it", async () => !await there(kept!.stdout));
  });
});
