import assert from "node:assert/strict";
import { parseChallenges } from "../../../lib/remotes/mod.ts";

Deno.test("a challenge's parameters are read, quoted or not", () => {
  assert.deepEqual(
    parseChallenges('Bearer realm="https://auth.example/token",service=reg,scope="a:b:pull,push c"'),
    [{
      scheme: "bearer",
      parameters: { realm: "https://auth.example/token", service: "reg", scope: "a:b:pull,push c" },
    }],
  );
});

Deno.test("several challenges in one header are told apart", () => {
  const found = parseChallenges('Basic realm="x", Bearer realm="y"');
  assert.deepEqual(found.map(({ scheme, parameters }) => [scheme, parameters.realm]), [
    ["basic", "x"],
    ["bearer", "y"],
  ]);
});
