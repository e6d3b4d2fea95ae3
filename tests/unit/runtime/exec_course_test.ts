import assert from "node:assert/strict";
import type { ExecProcessRequest } from "../../../lib/api/runtime/task/v3/shim.ts";
import type { ExecResponse } from "../../../lib/api/shim/v1/shim.ts";
import { alreadyExists, type CtrError, unavailable, unimplemented } from "../../../lib/errors.ts";
import { execCourse } from "../../../lib/runtime/exec_course.ts";
import type { ShimKind, TaskStub } from "../../../lib/runtime/shim.ts";

const task = { namespace: "default", id: "box", bundle: "/nowhere" };
const request = {
  id: "box",
  execId: "e",
  terminal: false,
  stdin: "",
  stdout: "",
  stderr: "",
  spec: undefined,
};
const both = [{ started: 12 }, { ended: 3 }];

/** A shim whose call for an exec gives `news` and then fails, if it has one; and what it was asked otherwise. */
function shim(news?: ExecResponse[], failure?: CtrError) {
  const asked: string[] = [];
  const answers: Record<string, unknown> = { start: { pid: 12 }, wait: { exitStatus: 3 } };
  const stub = new Proxy({}, {
    get: (_, name: string) => () => {
      asked.push(name);
      return answers[name] instanceof Error
        ? Promise.reject(answers[name])
        : Promise.resolve(answers[name] ?? {});
    },
  }) as TaskStub;
  const exec: ShimKind["exec"] = news && (async function* () {
    yield* await Promise.resolve(news);
    if (failure) throw failure;
  });
  const course = () => {
    const call = <R>(ask: (stub: TaskStub) => Promise<R>) => ask(stub);
    return Array.fromAsync(
      execCourse({ task, exec, call }, request as ExecProcessRequest, new AbortController().signal),
    );
  };
  return { asked, answers, course };
}

Deno.test("execCourse() is what the shim tells by one call", async () => {
  const { asked, course } = shim(both);
  assert.deepEqual([await course(), asked], [both, []]);
});

Deno.test("execCourse() makes containerd's calls where the shim has no such call", async () => {
  for (const { asked, course } of [shim(), shim([], unimplemented("method Exec"))]) {
    assert.deepEqual([await course(), asked], [both, ["exec", "start", "wait"]]);
  }
});

Deno.test("execCourse() waits with the next shim when the one that started it has died", async () => {
  const { asked, course } = shim([{ started: 12 }], unavailable("the connection broke"));
  assert.deepEqual([await course(), asked], [both, ["wait"]]);
});

Deno.test("execCourse() passes on why a process is not started, and leaves none", async () => {
  await assert.rejects(shim([], alreadyExists("id e")).course(), /already exists/);
  await assert.rejects(shim([], unavailable("the connection broke")).course(), /the connection broke/);
  const { asked, answers, course } = shim();
  answers.start = new Error("no such file");
  await assert.rejects(course(), /no such file/);
  assert.deepEqual(asked, ["exec", "start", "delete"]);
});
