import assert from "node:assert/strict";
import { proxyFor, shownProxy } from "../../../lib/remotes/proxy.ts";

const proxies = { HTTP_PROXY: "http://u:p@plain.test:1", https_proxy: "secure.test:2" };

/** An address, NO_PROXY, and the proxy that Go's programs would take. */
const cases: [string, string, string][] = [
  ["http://a.test/v2/", "", "http://plain.test:1"],
  ["https://a.test/v2/", "", "http://secure.test:2"],
  ["https://localhost:5000/", "", ""],
  ["https://127.1.2.3/", "", ""],
  ["https://[::1]:5000/", "", ""],
  ["https://a.test/", "*", ""],
  ["https://a.test/", "a.test", ""],
  ["https://A.test/", "A.TEST", ""],
  ["https://b.a.test/", "a.test", ""],
  ["https://b.a.test/", ".a.test", ""],
  ["https://a.test/", ".a.test", "http://secure.test:2"],
  ["https://ba.test/", "a.test", "http://secure.test:2"],
  ["https://b.a.test/", "*.a.test", ""],
  ["https://a.test:5000/", "a.test:5000", ""],
  ["https://a.test:5001/", "a.test:5000", "http://secure.test:2"],
  ["https://a.test/", "a.test:443", ""],
  ["https://a.test/", " x.test , a.test ", ""],
  ["https://10.1.2.3/", "10.1.2.3", ""],
  ["https://10.1.2.3/", "10.0.0.0/8", ""],
  ["https://11.1.2.3/", "10.0.0.0/8", "http://secure.test:2"],
  ["https://10.1.2.3/", "1.2.3", "http://secure.test:2"],
  ["https://a.test/", "10.0.0.0/8", "http://secure.test:2"],
  ["https://[fd00::1]/", "fd00::1", ""],
  ["https://[fd00::1]/", "[fd00::1]:443", ""],
  ["https://[fd00::1]/", "fd00::2", "http://secure.test:2"],
];

for (const [url, spared, expected] of cases) {
  Deno.test(`${url} with NO_PROXY=${JSON.stringify(spared)} takes ${expected || "no proxy"}`, () => {
    const env: Record<string, string> = { ...proxies, NO_PROXY: spared };
    const proxy = proxyFor(url, (name) => env[name]);
    assert.equal(proxy ? shownProxy(proxy) : "", expected);
  });
}

Deno.test("without proxies there is none", () =>
  assert.equal(proxyFor("https://a.test/", () => undefined), undefined));
