/** containerd.services.content.v1.Content */
import { ContentDefinition, WriteAction } from "../api/services/content/v1/content.ts";
import type { WriteContentRequest, WriteContentResponse } from "../api/services/content/v1/content.ts";
import { Code, CtrError, invalidArgument } from "../errors.ts";
import type { ContentStore, ContentWriter } from "../metadata/mod.ts";
import { requireNamespace } from "../rpc/context.ts";
import { type Service, service } from "../rpc/service.ts";
import { fromMillis, now } from "../rpc/timestamp.ts";
import type { Scope } from "../scope.ts";

/** How many blobs one message of a listing holds. */
const batch = 100;

/** `collect` is told that something was deleted. */
export function contentService(store: ContentStore, collect: () => void): Service {
  return service(ContentDefinition, {
    // deno-lint-ignore require-await
    async info({ digest }, context) {
      return { info: store.info(requireNamespace(context), digest) };
    },
    async update({ info, updateMask }, context) {
      if (!info) throw invalidArgument("no content info to update");
      return { info: await store.update(requireNamespace(context), info, updateMask ?? []) };
    },
    async *list({ filters }, context) {
      const all = store.list(requireNamespace(context), filters);
      for (let at = 0; at < all.length; at += batch) yield { info: all.slice(at, at + batch) };
    },
    async delete({ digest }, context) {
      await store.delete(requireNamespace(context), digest);
      collect();
      return {};
    },
    async *read({ digest, offset, size }, context) {
      let at = offset;
      const range = { offset: Number(offset), size: Number(size) };
      for await (const data of store.read(requireNamespace(context), digest, range)) {
        yield { offset: at, data };
        at += BigInt(data.length);
      }
    },
    async status({ ref }, context) {
      return { status: await store.status(requireNamespace(context), ref) };
    },
    async listStatuses({ filters }, context) {
      return { statuses: await store.statuses(requireNamespace(context), filters) };
    },
    write: (requests, context) => write(store, requireNamespace(context), requests),
    async abort({ ref }, context) {
      await store.abort(requireNamespace(context), ref);
      return {};
    },
  });
}

/** One write: the first message names the ref and what is expected, the last one commits. */
async function* write(
  store: ContentStore,
  scope: Scope,
  requests: AsyncIterable<WriteContentRequest>,
): AsyncGenerator<WriteContentResponse> {
  let writer: ContentWriter | undefined;
  let total = 0;
  let expected = "";
  try {
    for await (const request of requests) {
      if (request.total < 0n) throw invalidArgument(`total size ${request.total}`);
      total = agreed("total size", total, Number(request.total));
      expected = agreed("expected digest", expected, request.expected);
      if (!writer) {
        if (!request.ref) throw invalidArgument("first message must have a reference");
        writer = await store.writer(scope, request.ref, { expected, total });
      }
      if (request.action === WriteAction.WRITE || request.action === WriteAction.COMMIT) {
        await append(writer, request, total);
      }
      if (request.action === WriteAction.COMMIT) {
        const { digest, size } = await writer.commit({ size: total, expected, labels: request.labels });
        yield { ...answer(writer, request.action, total), digest, offset: BigInt(size) };
        return;
      }
      // Go's clients keep the digest that the last answer told, and commit by it.
      yield { ...answer(writer, request.action, total), digest: await writer.digest() };
    }
  } finally {
    await writer?.close();
  }
}

/** Size and digest may be said once or often, but not differently. */
function agreed<T extends string | number>(what: string, before: T, said: T): T {
  if (before && said && before !== said) {
    throw invalidArgument(`${what} changed during the write: ${before}, ${said}`);
  }
  return said || before;
}

/** Bytes at offset 0 begin anew, as with containerd; others have to come where the last ones ended. */
async function append(
  writer: ContentWriter,
  { offset, data }: WriteContentRequest,
  total: number,
): Promise<void> {
  const at = Number(offset);
  if (data.length === 0 && at === 0) return;
  if (at === 0 && writer.offset > 0) await writer.truncate();
  if (at !== writer.offset) {
    throw new CtrError(Code.OutOfRange, `write @${at} must occur at current offset ${writer.offset}`);
  }
  if (total && at + data.length > total) {
    throw new CtrError(
      Code.OutOfRange,
      `write of ${data.length} bytes @${at} is past the announced size ${total}`,
    );
  }
  if (data.length) await writer.write(data);
}

function answer(writer: ContentWriter, action: WriteAction, total: number): WriteContentResponse {
  return {
    action,
    startedAt: fromMillis(writer.startedAt),
    updatedAt: now(),
    offset: BigInt(writer.offset),
    total: BigInt(total || writer.total),
    digest: "",
  };
}
