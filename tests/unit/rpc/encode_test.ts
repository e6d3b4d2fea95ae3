import assert from "node:assert/strict";
import fc from "fast-check";
import { Any } from "../../../lib/api/google/protobuf/any.ts";
import { ReadContentResponse } from "../../../lib/api/services/content/v1/content.ts";
import { TransferRequest } from "../../../lib/api/services/transfer/v1/transfer.ts";
import { encode, encodeInPieces, joined } from "../../../lib/rpc/encode.ts";
import { complete } from "../../../lib/rpc/service.ts";

const bytes = (length: number) => Uint8Array.from({ length }, (_, at) => at % 251);

Deno.test("a message has the same bytes as the library gives it, in one piece or some", () => {
  fc.assert(fc.property(fc.nat(20_000), fc.string(), (length, typeUrl) => {
    const any = { typeUrl, value: bytes(length) };
    const read = { offset: BigInt(length), data: any.value };
    // One whose long field is within a message of its own.
    const request = complete(TransferRequest, { source: any, destination: any });
    for (
      const [ours, inPieces, theirs] of [
        [encode(Any, any), encodeInPieces(Any, any), Any.encode(any)],
        [
          encode(ReadContentResponse, read),
          encodeInPieces(ReadContentResponse, read),
          ReadContentResponse.encode(read),
        ],
        [
          encode(TransferRequest, request),
          encodeInPieces(TransferRequest, request),
          TransferRequest.encode(request),
        ],
      ] as const
    ) {
      const expected = theirs.finish();
      assert.deepEqual(ours, expected);
      assert.deepEqual(joined(inPieces), expected);
    }
  }));
});

Deno.test("a long field is not copied on its way into pieces, and is on its way into one", () => {
  const any = { typeUrl: "t", value: bytes(100_000) };
  assert.ok(encodeInPieces(Any, any).includes(any.value));
  const whole = encode(Any, any);
  any.value.fill(0);
  assert.equal(Any.decode(whole).value[1], 1);
});

Deno.test("a codec that writes its own bytes is asked for them", () => {
  const raw = {
    encode: (bytes: Uint8Array) => ({ finish: () => bytes }),
    decode: (bytes: Uint8Array) => bytes,
  };
  assert.deepEqual(encode(raw, bytes(3)), bytes(3));
});
