/** Rows: a further process in a running container, by each side's own ctr, by Go's, and by the API. */
import { TasksDefinition } from "../../lib/api/services/tasks/v1/tasks.ts";
import { Client } from "../../lib/client/mod.ts";
import { anyJson } from "../../lib/rpc/any.ts";
import { connectGrpc } from "../../lib/rpc/grpc/client.ts";
import { connectTtrpc } from "../../lib/rpc/ttrpc/client.ts";
import { processUrl } from "../../lib/oci/mod.ts";
import type { Bench } from "./bench.ts";
import { alternate, type Row, timed } from "./rows.ts";
import type { Sides } from "./sides.ts";

const inARow = 4;
/** Many: a machine that does something else for a moment is seen in what takes so little. */
const ROUNDS = 25;

/** `ctr tasks exec --exec-id x ID true`, and the calls exec, wait, start and delete. */
export async function measureExec({ sides, image }: Bench): Promise<Row[]> {
  for (const side of ["ours", "theirs"] as const) {
    await sides.ctr(side, "run", "-d", image, "host", "sleep", "1000");
  }
  const loop =
    `n=0; while [ $n -lt ${inARow} ]; do "$@" tasks exec --exec-id e$n host true; n=$((n+1)); done`;
  const each = async (run: () => Promise<void>) => await timed(run) / inARow;
  const figures = await alternate(ROUNDS, (side) => each(() => sides.script(side, loop)));
  const byGo = await alternate(ROUNDS, (side) => each(() => sides.goScript(side, loop)));
  const byApi = await measureCalls(sides);
  for (const side of ["ours", "theirs"] as const) {
    await sides.ctr(side, "tasks", "rm", "-f", "host");
    await sides.ctr(side, "containers", "rm", "host");
  }
  const budget = { atMost: 0.9, of: "theirs" } as const;
  return [
    { work: "`ctr tasks exec` of `true`", unit: "ms", ...figures, budget },
    { work: "the same, Go's `ctr` with either daemon", unit: "ms", ...byGo, budget },
    ...byApi,
  ];
}

async function measureCalls(sides: Sides): Promise<Row[]> {
  await using theirs = Client.over(await connectGrpc(sides.theirs.address));
  await using ours = Client.over(await connectGrpc(sides.ours.address));
  await using light = Client.over(await connectTtrpc(`${sides.ours.address}.ttrpc`));
  const grpc = await alternate(ROUNDS, (side) => execs(side === "ours" ? ours : theirs));
  const ttrpc = await alternate(ROUNDS, (side) => execs(side === "ours" ? light : theirs));
  return [
    { work: "exec+wait+start+delete of `true`", unit: "ms", ...grpc, budget: { atMost: 0.9, of: "theirs" } },
    { work: "the same, ours over ttrpc", unit: "ms", ...ttrpc },
  ];
}

async function execs(client: Client): Promise<number> {
  const tasks = client.stub(TasksDefinition);
  const spec = anyJson(processUrl, { user: { uid: 0, gid: 0 }, args: ["/bin/true"], cwd: "/" });
  const once = async () => {
    const name = { containerId: "host", execId: crypto.randomUUID().slice(0, 8) };
    await tasks.exec({ ...name, spec });
    const exited = tasks.wait(name);
    exited.catch(() => {});
    await tasks.start(name);
    const { exitStatus } = await exited;
    if (exitStatus !== 0) throw new Error(`an exec ended with ${exitStatus}`);
    await tasks.deleteProcess(name);
  };
  return await timed(async () => {
    for (let n = 0; n < inARow; n++) await once();
  }) / inARow;
}
