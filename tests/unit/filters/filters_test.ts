import assert from "node:assert/strict";
import fc from "fast-check";
import { Code, isError } from "../../../lib/errors.ts";
import { parseFilters } from "../../../lib/filters/mod.ts";

const thing: Record<string, string> = {
  name: "docker.io/library/alpine:3.20",
  "labels.foo": "bar",
  "labels.a.b": "x",
  "labels.very complex label": "some thing",
  "labels.quote": `say "hi"`,
  "labels.empty": "",
};
const field = (path: string[]) => thing[path.join(".")];
const matches = (...filters: string[]) => parseFilters(filters)(field);

Deno.test("filters match as containerd's do", () => {
  const yes = [
    "name",
    "name==docker.io/library/alpine:3.20",
    "name == docker.io/library/alpine:3.20",
    `name=="docker.io/library/alpine:3.20"`,
    `name==docker.io/library/alpine:3.20,labels.foo==bar`,
    "labels.foo",
    "labels.empty",
    "labels.a.b==x",
    `labels."a.b"==x`,
    `labels."very complex label"=="some thing"`,
    `"labels".foo==bar`,
    `labels.quote=="say \\"hi\\""`,
    `labels.foo=="\\x62\\u0061\\162"`,
    "labels.foo!=baz",
    "missing!=baz",
    "name~=alpine",
    "name~=^docker",
    "name~=/^docker\\\\.io\\//",
    "name~=|^docker.io/lib|",
    `name~="al.{3,4}:"`,
    "name~=(?i)ALPINE",
    "name~=[[:alpha:]]+:\\d",
  ];
  for (const filter of yes) assert.ok(matches(filter), filter);
  const no = [
    "missing",
    "labels.foo==baz",
    "labels.foo!=bar",
    "name==docker.io/library/alpine:3.20,labels.foo==baz",
    "name~=^alpine",
    "missing~=|.|",
    "labels",
  ];
  for (const filter of no) assert.ok(!matches(filter), filter);
});

Deno.test("an empty list matches all, several filters match when any does", () => {
  assert.ok(matches());
  assert.ok(matches(""));
  assert.ok(matches("missing", "name"));
  assert.ok(!matches("missing", "missing2"));
});

Deno.test("a filter that can't be parsed gets InvalidArgument that shows the place", () => {
  const faults: [string, RegExp][] = [
    [" ", /expected field or quoted/],
    ["name=", /unsupported operator "="/],
    ["name=foo", />\|=\|</],
    ["name==", /expected value or quoted/],
    ["name===a", /unsupported operator "==="/],
    ["name,", /expected field or quoted/],
    ["name..a", />\|\.\|<.*expected field or quoted/],
    [`name=="a`, /quoted literal not terminated/],
    [`name=="\\q"`, /quot|escape/],
    ["name~=/a\\.b/", /quote syntax error/],
    ["name==/a/", /invalid quote encountered/],
    ["/name/==a", /invalid quote encountered/],
    ["docker.io/library/alpine:latest", />\|\/\|</],
    ["name~=(", /missing closing/],
    ["name~=a**", /repetition/],
    ["name foo", /expected an operator/],
  ];
  for (const [filter, message] of faults) {
    assert.throws(() => parseFilters([filter]), (error) => {
      assert.ok(isError(error, Code.InvalidArgument), filter);
      assert.match(error.message, message, filter);
      return true;
    });
  }
});

Deno.test("any value and label can be asked for in quotes", () => {
  const quoted = (text: string) =>
    `"${text.replace(/["\\]/g, "\\$&").replace(/\n/g, "\\n").replaceAll("\0", "\\x00")}"`;
  fc.assert(fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (key, value) => {
    const match = parseFilters([`labels.${quoted(key)}==${quoted(value)}`]);
    assert.ok(match(([first, second]) => first === "labels" && second === key ? value : undefined));
    assert.ok(!match(([first, second]) => first === "labels" && second === key ? value + "x" : undefined));
  }));
});

Deno.test("no input makes the parser fail otherwise than with InvalidArgument", () => {
  const rune = fc.constantFrom(...'ab.,=!~"/|\\ ()[]*+?{}^$x0:-\n\0é😀');
  fc.assert(
    fc.property(fc.string({ unit: rune, maxLength: 20 }), (filter) => {
      try {
        parseFilters([filter])(() => "abab");
      } catch (error) {
        assert.ok(isError(error, Code.InvalidArgument), `${filter}: ${error}`);
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("expressions agree with JavaScript's where both have the same meaning", () => {
  const atom = fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\d", "\\w", "\\b", "^", "$", "x");
  const { expression } = fc.letrec<{ expression: string }>((tie) => ({
    expression: fc.oneof(
      { maxDepth: 4 },
      atom,
      fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => a + b),
      fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => `(${a}|${b})`),
      fc.tuple(tie("expression"), fc.constantFrom("*", "+", "?", "{1,2}", "*?")).map(([a, op]) =>
        `(?:${a})${op}`
      ),
    ),
  }));
  const text = fc.string({ unit: fc.constantFrom("a", "b", "x", "1", " ", "é"), maxLength: 10 });
  fc.assert(
    fc.property(expression, text, (source, value) => {
      const found = parseFilters([`f~="${source.replaceAll("\\", "\\\\")}"`])(() => value);
      assert.equal(found, new RegExp(source, "u").test(value), `${source} on ${value}`);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("an expression that makes others hang is matched in no time", () => {
  const start = performance.now();
  assert.ok(!parseFilters(["f~=^(a+)+$"])(() => "a".repeat(5000) + "b"));
  assert.ok(!parseFilters(["f~=^(a|a|aa)*$"])(() => "a".repeat(5000) + "b"));
  assert.ok(performance.now() - start < 2000);
  assert.throws(() => parseFilters(["f~=((a{100}){100}){100}"]), /too large|repeat/);
});
