import assert from "node:assert/strict";
import { logAnswer, logFailure } from "../../../lib/remotes/http_log.ts";

Deno.test("nothing that could be a secret is told of a request and its answer", () => {
  let told = "";
  const log = { dump: true, trace: true, tell: (text: string) => void (told += text) };
  const url = "https://me:S1@a.test/v2/x?scope=repository:x:pull&X-Amz-Signature=S2&account=S3";
  const headers = {
    authorization: "Bearer S4",
    cookie: "S5",
    "x-token": "S6",
    accept: "a/b",
    "proxy-authorization": "S7",
  };
  const answered = {
    location: "https://storage.test/blob?sig=S8&digest=sha256:1",
    "set-cookie": "S9",
    "content-type": "a/b",
    "x-other": "S10",
  };
  logAnswer(
    { method: "GET", url, headers, log },
    new Response("S11", { headers: answered }),
    performance.now(),
  );
  logFailure({ method: "GET", url, headers, log }, "connection reset", performance.now());
  assert.doesNotMatch(told, /S\d/);
  assert.match(told, /^> GET https:\/\/a\.test\/v2\/x\?scope=repository%3Ax%3Apull&X-Amz-Signature=redacted/);
  assert.match(told, /^> authorization: Bearer <redacted>$/m);
  assert.match(told, /^< location: https:\/\/storage\.test\/blob\?sig=redacted&digest=sha256%3A1$/m);
  assert.match(told, /-> no answer: connection reset in \d+ ms$/m);
});
