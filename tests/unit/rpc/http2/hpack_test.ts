import assert from "node:assert/strict";
import fc from "fast-check";
import { ConnectionError } from "../../../../lib/rpc/http2/frame.ts";
import { encodeHeaders, HeaderDecoder } from "../../../../lib/rpc/http2/hpack.ts";
import { decodeHuffman } from "../../../../lib/rpc/http2/huffman.ts";

const bytes = (hex: string) =>
  Uint8Array.from(hex.replaceAll(/\s/g, "").match(/../g)!, (pair) => parseInt(pair, 16));

/** Blocks of one connection, each with what it says, in lines. Source: RFC 7541, appendix C. */
const examples: [name: string, blocks: [hex: string, fields: string][]][] = [
  ["C.2.1, a literal that is remembered", [
    ["400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key: custom-header"],
    ["be", "custom-key: custom-header"],
  ]],
  ["C.2.2, a literal that is not", [["040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path"]]],
  ["C.2.3, a literal that nobody may remember", [
    ["1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret"],
  ]],
  ["C.2.4, an index", [["82", ":method: GET"]]],
  ["C.3, requests in plain text", [
    [
      "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com",
    ],
    [
      "8286 84be 5808 6e6f 2d63 6163 6865",
      ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache",
    ],
    [
      "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
      ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value",
    ],
  ]],
  ["C.4, requests in Huffman's code", [
    [
      "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
      ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com",
    ],
    [
      "8286 84be 5886 a8eb 1064 9cbf",
      ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache",
    ],
    [
      "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
      ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value",
    ],
  ]],
  // Before the first block: a table of 256 bytes, from which fields fall out.
  ["C.6, answers in Huffman's code, with a small table", [
    [
      "3fe1 01 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
      ":status: 302\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com",
    ],
    [
      "4883 640e ffc1 c0bf",
      ":status: 307\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com",
    ],
    [
      "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
      ":status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\nlocation: https://www.example.com\n" +
      "content-encoding: gzip\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    ],
  ]],
];

for (const [name, blocks] of examples) {
  Deno.test(`header fields are read as RFC 7541 has them: ${name}`, () => {
    const decoder = new HeaderDecoder(1000);
    for (const [hex, expected] of blocks) {
      const fields = decoder.decode(bytes(hex))!;
      assert.equal(fields.map(([name, value]) => `${name}: ${value}`).join("\n"), expected);
    }
  });
}

Deno.test("what is known from the start ends with www-authenticate, at 61", () => {
  assert.deepEqual(new HeaderDecoder(1000).decode(bytes("bd")), [["www-authenticate", ""]]);
  assert.deepEqual(new HeaderDecoder(1000).decode(bytes("90")), [["accept-encoding", "gzip, deflate"]]);
});

Deno.test("fields of any length are read as they were written", () => {
  const text = fc.string({ unit: "grapheme-ascii", maxLength: 400 });
  fc.assert(fc.property(fc.array(fc.tuple(text, text)), (fields) => {
    assert.deepEqual(new HeaderDecoder(1 << 20).decode(encodeHeaders(fields)), fields);
  }));
});

Deno.test("too many fields are not kept, and the next block is read all the same", () => {
  const decoder = new HeaderDecoder(200);
  const long = "x".repeat(100);
  assert.equal(decoder.decode(encodeHeaders([["a", long], ["b", long]])), undefined);
  assert.deepEqual(decoder.decode(bytes("82")), [[":method", "GET"]]);
});

const broken: [what: string, hex: string][] = [
  ["the index 0", "80"],
  ["an index that nothing has", "be"],
  ["a block that ends within a text", "000a 61"],
  ["a block that ends within a number", "7f"],
  ["a number without end", "7fff ffff ffff ffff 01"],
  ["a table that was not agreed on", "3fe2 1f"],
  ["padding of eight bits", "0001 6182 07ff"],
  ["padding of zeros", "0001 6181 00"],
  ["the code that ends all texts", "0001 6184 ffff ffff"],
];

for (const [what, hex] of broken) {
  Deno.test(`a block is refused for ${what}`, () => {
    assert.throws(() => new HeaderDecoder(1000).decode(bytes(hex)), ConnectionError);
  });
}

Deno.test("any bytes are fields or refused, and cost no time or memory beyond theirs", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (block) => {
      const decoder = new HeaderDecoder(1000);
      try {
        decoder.decode(block);
      } catch (error) {
        assert.ok(error instanceof ConnectionError, String(error));
      }
      try {
        assert.ok(decodeHuffman(block).length <= block.length * 8 / 5);
      } catch (error) {
        assert.ok(error instanceof ConnectionError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
