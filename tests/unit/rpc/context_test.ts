import assert from "node:assert/strict";
import { Code, CtrError, isError, notFound } from "../../../lib/errors.ts";
import { contextOf, requireNamespace } from "../../../lib/rpc/context.ts";
import { errorOf, statusOf } from "../../../lib/rpc/status.ts";

const { signal } = new AbortController();
const contextIn = (namespace: string) => contextOf(new Map([["containerd-namespace", namespace]]), signal);

Deno.test("requireNamespace gives namespace and lease, and FailedPrecondition when there is none", () => {
  const metadata = new Map([["containerd-namespace", "k8s.io"], ["containerd-lease", "l"]]);
  assert.deepEqual(requireNamespace(contextOf(metadata, signal)), { namespace: "k8s.io", lease: "l" });
  assert.throws(() => requireNamespace(contextOf(new Map(), signal)), {
    code: Code.FailedPrecondition,
    message: "namespace is required: failed precondition",
  });
});

Deno.test("requireNamespace refuses what could leave a directory", () => {
  for (const bad of ["../x", "a/b", ".", "..", "a..b", "-a", "a\0b", "ä", "a".repeat(77), "x".repeat(1e6)]) {
    assert.throws(() => requireNamespace(contextIn(bad)), (error) => {
      assert.ok(isError(error, Code.InvalidArgument));
      assert.ok(error.message.length < 500, "a long name is not repeated whole");
      return true;
    });
  }
  for (const good of ["a", "default", "k8s.io", "A_b-c.d", "a".repeat(76)]) requireNamespace(contextIn(good));
});

Deno.test("ttrpc's own header counts only where it is asked for", () => {
  const metadata = new Map([["containerd-namespace-ttrpc", "n"]]);
  assert.equal(contextOf(metadata, signal).namespace, "");
  const keys = ["containerd-namespace", "containerd-namespace-ttrpc"];
  assert.equal(contextOf(metadata, signal, keys).namespace, "n");
});

Deno.test("errors keep class and words as a status, and strangers become Unknown", () => {
  for (const code of Object.values(Code)) {
    const error = new CtrError(code, "thing");
    const back = errorOf(statusOf(error));
    assert.deepEqual([back.code, back.message], [error.code, error.message]);
  }
  assert.equal(statusOf(new TypeError("x")).code, Code.Unknown);
  assert.equal(statusOf("x").message, "x");
  assert.equal(statusOf(new DOMException("", "TimeoutError")).code, Code.DeadlineExceeded);
  assert.equal(errorOf({ code: 99, message: "x" }).code, Code.Unknown);
  assert.equal(errorOf(statusOf(notFound("image x"))).message, "image x: not found");
});
