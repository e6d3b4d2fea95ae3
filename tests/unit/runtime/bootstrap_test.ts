import assert from "node:assert/strict";
import { parseAnswer } from "../../../lib/runtime/bootstrap.ts";

Deno.test("parseAnswer() reads an address alone, and JSON with version and protocol", () => {
  const socket = "/run/s.sock";
  const answers = {
    [socket]: { version: 2, socket, protocol: "ttrpc" },
    [`unix://${socket}`]: { version: 2, socket, protocol: "ttrpc" },
    [JSON.stringify({ version: 3, address: `unix://${socket}`, protocol: "ttrpc" })]: {
      version: 3,
      socket,
      protocol: "ttrpc",
    },
    [JSON.stringify({ version: 3, address: `unix://${socket}`, protocol: "grpc" })]: {
      version: 3,
      socket,
      protocol: "grpc",
    },
    [JSON.stringify({ version: 2, address: socket, protocol: "" })]: {
      version: 2,
      socket,
      protocol: "ttrpc",
    },
  };
  for (const [said, expected] of Object.entries(answers)) {
    assert.deepEqual(parseAnswer(said, "shim"), expected);
  }
});

Deno.test("parseAnswer() names what it can't speak, and who said it", () => {
  const refused: [said: string, words: RegExp][] = [
    ["", /shim serves version 2 by ttrpc at ""/],
    ["vsock://3:1", /at "vsock:\/\/3:1"/],
    ["unix://@abstract", /at "unix:\/\/@abstract"/],
    ['{"version":4,"address":"/s","protocol":"ttrpc"}', /version 4/],
    ['{"version":"3","address":"/s","protocol":"ttrpc"}', /version 3/],
    ['{"version":3,"address":"/s","protocol":"http"}', /by http/],
    ["{nonsense", /shim start: it says "\{nonsense"/],
  ];
  for (const [said, words] of refused) assert.throws(() => parseAnswer(said, "shim"), words);
});
