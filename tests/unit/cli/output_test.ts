import assert from "node:assert/strict";
import { age, goTime, rfc3339 } from "../../../lib/cli/output/ages.ts";
import { indentJson } from "../../../lib/cli/output/json.ts";
import { labelText, parseLabels } from "../../../lib/cli/output/labels.ts";
import { itemLine } from "../../../lib/cli/output/progress.ts";
import { binarySize, decimalSize } from "../../../lib/cli/output/sizes.ts";
import { layOut, narrow, tabbed, wide } from "../../../lib/cli/output/table.ts";
import { drawTree } from "../../../lib/cli/snapshots/tree.ts";

Deno.test("a trailing tab pads the last column, as in Go's lists", () => {
  assert.equal(layOut(["NAME\tLABELS\t", "default\t\t"], narrow), "NAME    LABELS \ndefault        \n");
  assert.equal(
    layOut(["TASK\tPID\tSTATUS\t", "r2\t8878\tRUNNING"], wide),
    "TASK    PID     STATUS    \nr2      8878    RUNNING\n",
  );
});

Deno.test("a table without rows is its head", () => {
  assert.equal(layOut(["REF\tTYPE\t"], narrow), "REF TYPE \n");
});

Deno.test("padding with tabs goes to the next stop", () => {
  const digest = "sha256:" + "0".repeat(64);
  const [head] = layOut(["DIGEST\tSIZE", `${digest}\t1B`], tabbed).split("\n");
  assert.equal(head, "DIGEST" + "\t".repeat(9) + "SIZE");
});

Deno.test("sizes are printed as Go's ctr does", () => {
  assert.deepEqual([0, 349, 2007040, 1084000].map(binarySize), ["0.0 B", "349.0 B", "1.9 MiB", "1.0 MiB"]);
  assert.deepEqual([0, 349, 1084123, 123456789].map(decimalSize), ["0B", "349B", "1.084MB", "123.5MB"]);
});

Deno.test("ages grow coarser", () => {
  const now = 1_000_000_000_000;
  const ago = (seconds: number) => age({ seconds: BigInt(now / 1000 - seconds), nanos: 0 }, now);
  assert.deepEqual([0, 1, 59, 60, 300, 3600, 7200, 86400 * 3, 86400 * 365 * 3].map(ago), [
    "Less than a second",
    "1 second",
    "59 seconds",
    "About a minute",
    "5 minutes",
    "About an hour",
    "2 hours",
    "3 days",
    "3 years",
  ]);
});

Deno.test("times keep their nanoseconds and no zeros", () => {
  const time = { seconds: 1795439267n, nanos: 203083700 };
  assert.equal(rfc3339(time), "2026-11-23T13:07:47.2030837Z");
  assert.equal(goTime(time), "2026-11-23 13:07:47.2030837 +0000 UTC");
  assert.equal(rfc3339(undefined), "0001-01-01T00:00:00Z");
});

Deno.test("JSON is laid out without touching its numbers", () => {
  const json = '{"a":[1,18446744073709551615],"b":{},"c":"x:{\\"}","d":[]}';
  assert.equal(
    indentJson(json),
    '{\n    "a": [\n        1,\n        18446744073709551615\n    ],\n    "b": {},\n    "c": "x:{\\"}",\n    "d": []\n}',
  );
});

Deno.test("a label without = is true, with an empty value it is to be cleared", () => {
  assert.deepEqual(parseLabels(["a=b", "c=", "d", "e=f=g"]), { a: "b", c: "", d: "true", e: "f=g" });
  assert.equal(labelText({ z: "1", a: "2" }), "a=2,z=1");
  assert.throws(() => parseLabels(["=x"]), /has no key/);
});

Deno.test("the tree puts snapshots below their parents", () => {
  const snapshots = [{ name: "k2", parent: "base" }, { name: "base", parent: "" }, {
    name: "k3",
    parent: "k2",
  }];
  assert.equal(drawTree(snapshots), " base\n  \\_ k2\n    \\_ k3\n");
});

Deno.test("a line of progress fits the terminal", () => {
  const item = {
    name: "layer-sha256:" + "a".repeat(64),
    event: "downloading",
    progress: 50n << 20n,
    total: 100n << 20n,
  };
  for (const width of [40, 80, 120, 200]) {
    const line = itemLine(item, width, false);
    assert.ok(line.length <= Math.max(width, 62), `${line.length} of ${width}`);
    assert.match(line, /downloading.*50\.0 MiB\/100\.0 MiB$/);
  }
});
