/** `ctr content ingest` */
import {
  ContentDefinition,
  WriteAction,
  type WriteContentRequest,
} from "../../api/services/content/v1/content.ts";
import { Code, isError } from "../../errors.ts";
import { required } from "../arguments.ts";
import { type Call, usageError } from "../command.ts";
import { connect } from "../connect.ts";
import { parseDigest } from "./digest.ts";

/** Large enough to hide the cost of a frame, small enough for the limit of one (4 MiB). */
const chunk = 1 << 20;

export async function run(call: Call): Promise<void> {
  const [ref] = required(call, "a transaction reference");
  const size = parseSize(call.flags.text("expected-size"));
  const expected = call.flags.text("expected-digest") && parseDigest(call.flags.text("expected-digest"));
  await using daemon = await connect(call);
  const started = Promise.withResolvers<bigint>();
  started.promise.catch(() => {});
  try {
    for await (
      const { offset } of daemon.stub(ContentDefinition).write(requests(ref, size, expected, started.promise))
    ) {
      started.resolve(offset);
    }
  } catch (error) {
    // Content that is there already is what was asked for.
    if (!isError(error, Code.AlreadyExists)) throw error;
  } finally {
    started.reject(usageError("the daemon ended the transaction"));
  }
}

/** `started` tells how much an earlier, interrupted try has left: that much of the input is passed over. */
async function* requests(
  ref: string,
  size: bigint,
  expected: string,
  started: Promise<bigint>,
): AsyncGenerator<Partial<WriteContentRequest>> {
  yield { action: WriteAction.STAT, ref, total: size, expected };
  const have = await started;
  let offset = 0n;
  for await (const data of chunks(Deno.stdin)) {
    const end = offset + BigInt(data.length);
    if (end > have) {
      const fresh = offset >= have ? data : data.subarray(Number(have - offset));
      yield {
        action: WriteAction.WRITE,
        ref,
        total: size,
        expected,
        offset: end - BigInt(fresh.length),
        data: fresh,
      };
    }
    offset = end;
  }
  if (size && offset !== size) {
    throw usageError(`read ${offset} bytes from standard input, ${size} were expected`);
  }
  yield { action: WriteAction.COMMIT, ref, total: offset, expected, offset };
}

/** Full chunks, and the rest: a pipe gives 64 KiB at a time, which would be a frame each. */
async function* chunks(from: { read(into: Uint8Array): Promise<number | null> }): AsyncGenerator<Uint8Array> {
  while (true) {
    const buffer = new Uint8Array(chunk);
    let filled = 0;
    while (filled < chunk) {
      const read = await from.read(buffer.subarray(filled));
      if (read === null) break;
      filled += read;
    }
    if (filled) yield buffer.subarray(0, filled);
    if (filled < chunk) return;
  }
}

function parseSize(text: string): bigint {
  if (/^\d+$/.test(text)) return BigInt(text);
  throw usageError(`--expected-size ${JSON.stringify(text)} is not a number of bytes`);
}
