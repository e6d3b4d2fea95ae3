import assert from "node:assert/strict";
import { ctrPath, run as runProgram } from "../../harness/mod.ts";
import { type Given, withDaemon } from "./support.ts";

const config = '[metrics]\naddress = "127.0.0.1:0"\ngrpc_histogram = true\n';

/** Where the running daemon tells metrics: it says so each time it starts. */
function addressOf({ daemon }: Given): string {
  return [...daemon.log().matchAll(/msg=metrics address=(\S+)/g)].at(-1)![1]!;
}

async function scrape(given: Given, path = "/v1/metrics", method = "GET") {
  const answer = await fetch(`http://${addressOf(given)}${path}`, { method });
  return { status: answer.status, text: await answer.text() };
}

Deno.test("the metrics endpoint tells of tasks that an earlier daemon started, too", (t) =>
  withDaemon(async (given) => {
    const { daemon, ok, run } = given;
    await run("web", ["--memory-limit", "33554432"], "sleep", "1000");
    await run("gone", [], "sleep", "1000");
    const line =
      /^container_memory_usage_limit_bytes\{container_id="web",namespace="\S+",runtime="\S+"\} 33554432$/m;
    const before = (await scrape(given)).text;
    assert.match(before, line);
    assert.match(before, /^container_pids_current\{container_id="gone",.*\} [1-9]\d*$/m);
    await daemon.crash();
    await daemon.restart();
    await ok(["tasks", "rm", "-f", "gone"]);
    const after = (await scrape(given)).text;
    assert.match(after, line);
    assert.doesNotMatch(after, /container_id="gone"/);
    await t.step("and of calls and of the daemon itself", () => own(after));
    await t.step("and answers nothing else", () => nothingElse(given));
    await t.step("its address can't be another's, and must be one", () => addresses(given));
  }, config));

function own(text: string): void {
  const service = 'grpc_service="containerd.services.tasks.v1.Tasks"';
  for (
    const pattern of [
      `^grpc_server_handled_total\\{grpc_code="OK",grpc_method="Delete",${service},grpc_type="unary"\\} 1$`,
      `^grpc_server_handling_seconds_count\\{grpc_method="Delete",${service},grpc_type="unary"\\} 1$`,
      "^process_resident_memory_bytes \\d{7,}$",
      "^process_open_fds [1-9]\\d*$",
      "^process_start_time_seconds 1\\d{9}(\\.\\d+)?$",
      "^longshore_gc_runs_total \\d+$",
      '^longshore_build_info\\{revision="\\w*",version="\\S+"\\} 1$',
    ]
  ) assert.match(text, new RegExp(pattern, "m"));
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!);
  assert.deepEqual(names, [...new Set(names)].sort(), "each family is told once, in order");
}

async function nothingElse(given: Given): Promise<void> {
  assert.deepEqual(await scrape(given, "/"), { status: 404, text: "404 page not found\n" });
  assert.equal((await scrape(given, "/v1/metrics/x")).status, 404);
  assert.equal((await scrape(given, "/v1/metrics", "POST")).status, 405);
  assert.deepEqual(await scrape(given, "/v1/metrics", "HEAD"), { status: 200, text: "" });
  const many = await Promise.all(Array.from({ length: 20 }, () => scrape(given)));
  assert.deepEqual(many.map(({ status }) => status), Array(20).fill(200));
}

async function addresses(given: Given): Promise<void> {
  const { scratch } = given;
  const start = async (address: string) => {
    await Deno.writeTextFile(scratch.join("config.toml"), `[metrics]\naddress = "${address}"\n`);
    const places = ["--root", scratch.join("root"), "--state", scratch.join("state")];
    const daemon = ["daemon", ...places, "--config", scratch.join("config.toml")];
    const { code, stderr } = await runProgram(ctrPath, daemon);
    assert.equal(code, 1);
    return stderr;
  };
  const taken = addressOf(given);
  assert.match(await start(taken), new RegExp(`metrics address ${taken}: .*in use.*: unavailable`, "i"));
  assert.match(await start("nonsense"), /metrics address "nonsense" is not of the form HOST:PORT/);
}
