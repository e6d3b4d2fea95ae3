/** Containers with a network that the daemon starts again: each task gets the network anew, and nothing is left. */
import assert from "node:assert/strict";
import { Bench, image } from "./bench.ts";

const portmap = { type: "portmap", capabilities: { portMappings: true }, snat: true };

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 400; n++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`not so: ${what}`);
}

async function pidOf(bench: Bench, id: string): Promise<number | undefined> {
  const line = (await bench.must("tasks", "ls")).split("\n").find((line) => line.startsWith(`${id} `));
  return line?.includes("RUNNING") ? Number(line.split(/\s+/)[1]) : undefined;
}

/** Waits for another task than that of `before`; gives its process. */
async function runsAgain(bench: Bench, id: string, before: number): Promise<number> {
  let pid: number | undefined;
  await until(`${id} runs again`, async () => ![before, undefined].includes(pid = await pidOf(bench, id)));
  return pid!;
}

const ask = `exec 3<>/dev/tcp/10.88.7.1/8080 && printf 'GET /it HTTP/1.0\\r\\n\\r\\n' >&3 && tail -n 1 <&3`;
const answers = async (bench: Bench) =>
  (await bench.within("timeout", "2", "bash", "-c", ask)).stdout === "found\n";

/** A server whose port 8080 of the host leads to, with more flags of `run`. */
async function serve(bench: Bench, id: string, ...flags: string[]): Promise<number> {
  const script = "echo found >/tmp/it; exec httpd -f -p 80 -h /tmp";
  await bench.must("run", "-d", ...flags, "--cni", "-p", "8080:80", image, id, "sh", "-c", script);
  await until("it serves", () => answers(bench));
  return (await pidOf(bench, id))!;
}

/** How many of each kind there are: one container's part, whichever task it is of. */
async function parts(bench: Bench): Promise<string[]> {
  const left = await bench.left();
  return left.map((line) =>
    line.replace(/10\.88\.7\.\d+(?!\/|\d)/, "ADDRESS")
      .replace(/^\d+: veth.*/, "VETH").replace(/^-A CNI-[0-9a-f]{24} .*/, "RULE")
  ).sort();
}

/** Rules of portmap's own chains that speak of the port. */
const portRules = async (bench: Bench) =>
  (await bench.within("iptables-save")).stdout.split("\n").filter((line) => /8080/.test(line)).length;

Deno.test("a web server with --restart always --cni -p", async (t) => {
  await using bench = await Bench.start();
  // What is started again and again would outlive its daemon.
  await using _end = { [Symbol.asyncDispose]: async () => void await bench.ctr(["rm", "-f", "--all"]) };
  // Cgroups are the machine's: other tests have containers of such names, too.
  const [web, bad, plain] = ["web", "bad", "plain"].map((name) => `${name}-${bench.netns.slice(-8)}`) as [
    string,
    string,
    string,
  ];
  await bench.configure("1.0.0", portmap);
  let pid = await serve(bench, web, "--restart", "always");
  const [whole, rules] = [await parts(bench), await portRules(bench)];
  assert.ok(whole.includes("ADDRESS") && whole.includes("VETH") && whole.includes("RULE"), whole.join("\n"));

  await t.step(
    "serves again after kill -9, by the client's own configuration, and has all of it once",
    async () => {
      for (let n = 0; n < 3; n++) {
        Deno.kill(pid, "SIGKILL");
        pid = await runsAgain(bench, web, pid);
        await until("it serves again", () => answers(bench));
        assert.deepEqual(await parts(bench), whole);
        assert.equal(await portRules(bench), rules);
      }
    },
  );

  await t.step("serves on while the daemon dies, and again if it died meanwhile itself", async () => {
    await bench.daemon.crash();
    assert.ok(await answers(bench));
    await bench.daemon.restart();
    assert.deepEqual([await pidOf(bench, web), await parts(bench)], [pid, whole]);
    await bench.daemon.crash();
    Deno.kill(pid, "SIGKILL");
    await bench.daemon.restart();
    pid = await runsAgain(bench, web, pid);
    await until("it serves again", () => answers(bench));
    assert.deepEqual([await parts(bench), await portRules(bench)], [whole, rules]);
  });

  await t.step("gives all of it back when it is stopped, gets it when it is started, and goes", async () => {
    await bench.must("stop", "-t", "0", web);
    assert.deepEqual([await bench.left(), await portRules(bench)], [[web], 0]);
    await bench.must("tasks", "rm", web);
    await bench.must("tasks", "start", "-d", web);
    await until("it serves again", () => answers(bench));
    assert.deepEqual(await parts(bench), whole);
    await bench.must("rm", "-f", web);
    assert.deepEqual([await bench.left(), await portRules(bench)], [[], 0]);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual(await bench.left(), []);
  });

  await t.step("deleted tasks are started again with a network that their removal doesn't take", async () => {
    pid = await serve(bench, web, "--restart", "always");
    for (let n = 0; n < 4; n++) {
      await bench.ctr(["tasks", "rm", "-f", web]);
      pid = await runsAgain(bench, web, pid);
      await until("it serves again", () => answers(bench));
      assert.deepEqual(await parts(bench), whole);
    }
    await bench.must("rm", "-f", web);
    assert.deepEqual([await bench.left(), await portRules(bench)], [[], 0]);
  });

  await t.step(
    "one that failed for good has nothing of the network, nor one that Go's ctr has ended",
    async () => {
      await bench.must("run", "-d", "--restart", "on-failure:1", "--cni", image, bad, "sh", "-c", "exit 3");
      await bench.must("run", "-d", "--restart", "no", "--cni", image, plain, "sleep", "1000");
      await bench.must("stop", "-t", "0", plain);
      await until("all is given back", async () => (await bench.left()).sort().join() === `${bad},${plain}`);
      await bench.must("rm", bad, plain);
      pid = await serve(bench, web, "--restart", "unless-stopped");
      await bench.must("c", "label", web, "containerd.io/restart.explicitly-stopped=true");
      assert.equal((await bench.daemon.goCtr(["tasks", "kill", "-s", "KILL", web])).code, 0);
      await until("all is given back", async () => (await bench.left()).join() === web);
      await bench.must("rm", web);
    },
  );

  await t.step("a network that can't be had is tried again, and told in the daemon's log", async () => {
    pid = await serve(bench, web, "--restart", "always");
    await bench.plugin(
      "failing",
      `cat >/dev/null; [ "$CNI_COMMAND" = DEL ] && exit 0; echo no luck >&2; exit 3`,
    );
    await bench.configure("1.0.0", portmap, { type: "failing" });
    Deno.kill(pid, "SIGKILL");
    await until(
      "it is told",
      () =>
        Promise.resolve(new RegExp(`${web} could not be started again.*no luck`).test(bench.daemon.log())),
    );
    await until("nothing is left meanwhile", async () => (await bench.left()).length === 0);
    await bench.configure("1.0.0", portmap);
    await runsAgain(bench, web, pid);
    await until("it serves again", () => answers(bench));
    assert.deepEqual(await parts(bench), whole);
    await bench.must("rm", "-f", web);
    assert.deepEqual([await bench.left(), await portRules(bench)], [[], 0]);
  });
});
