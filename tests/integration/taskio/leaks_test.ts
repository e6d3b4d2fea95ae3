/** Failed execs and clients that come and go leave nothing in the shim (CVE-2022-23471, CVE-2025-64329). */
import assert from "node:assert/strict";
import { Code, CtrError } from "../../../lib/errors.ts";
import { Fixture } from "../runtime/fixture.ts";

const execs = 100;
const clients = 1000;
const together = 10;

const count = (dir: string) => [...Deno.readDirSync(dir)].length;

/** Does it so often, some at a time. */
async function often(times: number, work: (n: number) => Promise<unknown>): Promise<void> {
  for (let n = 0; n < times; n += together) {
    await Promise.all(Array.from({ length: Math.min(together, times - n) }, (_, m) => work(n + m)));
  }
}

Deno.test("execs that fail to start, with a terminal, leave no descriptor, socket or file", async () => {
  await using fixture = await Fixture.start();
  const stdout = await fixture.fifo("out");
  using _reader = await Deno.open(stdout, { read: true, write: true });
  await fixture.create("host", ["sleep", "1000"]);
  await fixture.start("host");
  const pid = await fixture.shimPid("host");
  const failing = async (n: number) => {
    await fixture.exec("host", `e${n}`, ["/nosuch"], { stdout, terminal: true });
    await fixture.tasks.resize(fixture.scope, {
      containerId: "host",
      execId: `e${n}`,
      width: 80,
      height: 24,
    });
    await assert.rejects(fixture.start("host", `e${n}`), /OCI runtime exec failed/);
    await fixture.tasks.deleteProcess(fixture.scope, { containerId: "host", execId: `e${n}` });
  };
  await often(together, failing);
  const facts = () => ({
    descriptors: count(`/proc/${pid}/fd`),
    sockets: count(`${fixture.state}/shim`),
    files: count(`${fixture.state}/tasks/testing/host`),
  });
  const before = facts();
  await often(execs, failing);
  assert.deepEqual(facts(), before);
  const { processes } = await fixture.tasks.pids(fixture.scope, { containerId: "host" });
  assert.equal(processes.length, 1);
});

Deno.test("clients that attach and hang up, or wait and leave, leave nothing", async () => {
  await using fixture = await Fixture.start();
  const [stdin, stdout] = await Promise.all(["in", "out"].map((name) => fixture.fifo(name)));
  await fixture.create("host", ["cat"], { stdin, stdout });
  await fixture.start("host");
  const pid = await fixture.shimPid("host");
  const rude = async () => {
    const streams = await Promise.all([
      Deno.open(stdin!, { write: true }),
      Deno.open(stdout!, { read: true }),
    ]);
    const leaving = new AbortController();
    const waiting = fixture.tasks.wait(fixture.scope, { containerId: "host", execId: "" }, leaving);
    leaving.abort(new CtrError(Code.Canceled, "gone"));
    await assert.rejects(waiting, /gone/);
    for (const stream of streams) stream.close();
  };
  await often(together, rude);
  const descriptors = count(`/proc/${pid}/fd`);
  await often(clients, rude);
  const now = count(`/proc/${pid}/fd`);
  assert.ok(now <= descriptors, `${descriptors} descriptors grew to ${now}`);
  const reader = Deno.open(stdout!, { read: true });
  await Deno.writeTextFile(stdin!, "still here\n");
  using stream = await reader;
  const buffer = new Uint8Array(100);
  assert.equal(new TextDecoder().decode(buffer.subarray(0, (await stream.read(buffer))!)), "still here\n");
  await fixture.kill("host");
});
