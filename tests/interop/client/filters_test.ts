/** The filter language on every list: what our daemon finds and refuses is what Debian's containerds do. */
import assert from "node:assert/strict";
import { Client, Code, CtrError } from "../../../mod.ts";
import { Container } from "../../../lib/api/services/containers/v1/containers.ts";
import { Image } from "../../../lib/api/services/images/v1/images.ts";
import { WriteAction } from "../../../lib/api/services/content/v1/content.ts";
import { Sandbox } from "../../../lib/api/types/sandbox.ts";
import { complete } from "../../../lib/rpc/service.ts";
import { startContainerd, startLongshore } from "../../harness/mod.ts";
import { containerd2 } from "../../harness/containerd2.ts";
import { digestOf } from "../../integration/push/real.ts";

const namespace = "filters";
const encode = (text: string) => new TextEncoder().encode(text);
/** Labels that ask for every kind of quoting; a collection takes none of what has them. */
const labels = (n: number) => ({
  "containerd.io/gc.root": "test",
  "a.b/c": `value ${n}`,
  number: String(n),
  'say "hi"': "ja",
  ...n === 2 && { only: "two, with a comma" },
});
const one = digestOf(encode("1"));

/** Lists by what they give of each thing. */
const lists: Record<string, (client: Client, filters: string[]) => Promise<string[]>> = {
  images: async ({ services }, filters) =>
    (await services.images.list({ filters })).images.map(({ name }) => name),
  containers: async ({ services }, filters) =>
    (await services.containers.list({ filters })).containers.map(({ id }) => id),
  content: async ({ content }, filters) =>
    (await Array.fromAsync(content.list(filters))).map(({ digest }) => digest),
  ingests: async ({ content }, filters) => (await content.writes(filters)).map(({ ref }) => ref),
  snapshots: async ({ services }, filters) => {
    const answers = await Array.fromAsync(services.snapshots.list({ snapshotter: "native", filters }));
    return answers.flatMap(({ info }) => info.map(({ name }) => name));
  },
  leases: async ({ services }, filters) =>
    (await services.leases.list({ filters })).leases.map(({ id }) => id),
  sandboxes: async ({ services }, filters) =>
    (await services.sandboxes.list({ filters })).list.map(({ sandboxId }) => sandboxId),
  plugins: async ({ services }, filters) =>
    (await services.introspection.plugins({ filters })).plugins.map(({ type, id }) => `${type} ${id}`)
      .filter((name) => / (native|leases|nosuch)$/.test(name)),
};

const everywhere = [
  [""],
  [" "],
  ["", "nosuch"],
  ["nosuch"],
  ["nosuch!=x"],
  ["nosuch==x"],
  ["labels"],
  ["labels."],
  ["labels.number"],
  ["labels.number==2"],
  ["labels.number!=2"],
  ["labels.number == 2"],
  ["labels.number~=^[12]$"],
  ["labels.number~=/^[^1]$/"],
  ["labels.number~=|1|"],
  [`labels."a.b/c"=="value 1"`],
  [`labels."a.b/c"~="^value [23]$"`],
  ["labels.a.b/c==x"],
  [`labels."say \\"hi\\""==ja,labels.number!=1`],
  ["labels.only"],
  [`labels.only=="two, with a comma"`],
  ["labels.only==two,labels.number"],
  ["labels.number==1", "labels.number==3"],
  ["labels.number==1,labels.only", "labels.number==3"],
  ["labels.number=1"],
  ["labels.number=="],
  ["labels.number===1"],
  ["labels.number<1"],
  ["labels.number,"],
  [",labels.number"],
  ["labels..number"],
  [`labels."number`],
  [`labels."\\q"`],
  ["labels.number==/1/"],
  ["labels.number==1 labels.only"],
  ["labels.number", "labels.number="],
];
const own: Record<string, string[][]> = {
  images: [
    ["name==example.test/image:1"],
    ["name~=image:[12]"],
    ["name"],
    ["Name"],
    [`target.digest==${one}`],
    ["target.mediatype==text/plain"],
    ["target.mediaType"],
    ["target"],
    ["example.test/image:1"],
  ],
  containers: [["id==container-1"], ["id~=r-[12]$"], ["runtime.name==io.containerd.runc.v2"], ["runtime"], [
    "image==example.test/image:2",
  ], ["image"]],
  content: [[`digest==${one}`], ["digest~=^sha256:"], ["digest==sha256"]],
  ingests: [["ref==ingest-1"], ["ref~=[12]$"], ["ref!=ingest-1"]],
  snapshots: [
    ["kind==committed"],
    ["kind==active"],
    ["kind==view"],
    ["name~=^snap"],
    ["parent"],
    [`parent==snapshot-1`],
  ],
  leases: [["id==lease-1"], ["id~=[12]$"], ["id"]],
  sandboxes: [["id==sandbox-1"], ["id~=[12]$"], ["id"], ["runtime.name"]],
  plugins: [
    ["type==io.containerd.snapshotter.v1"],
    ["id==native"],
    ["id~=^l", "id==native"],
    ["platforms"],
    ["capabilities"],
  ],
};

/** What a list answers: names in order, or that the filter is refused. */
async function answer(work: Promise<string[]>, refusals: readonly Code[]): Promise<string> {
  try {
    return (await work).sort().join(" ");
  } catch (error) {
    if (!(error instanceof CtrError) || !refusals.includes(error.code)) throw error;
    assert.match(error.message, /filters: parse error: /);
    return "refused";
  }
}

/** Three of each kind of thing. */
async function fill(client: Client, kinds: readonly string[]): Promise<AsyncDisposable> {
  const { services, content } = client;
  const open: ReadableStreamDefaultController[] = [];
  const writing: Promise<unknown>[] = [];
  for (const n of [1, 2, 3]) {
    const bytes = encode(String(n));
    const [digest, size] = [digestOf(bytes), BigInt(bytes.length)];
    await content.write(`blob-${n}`, [bytes], { expected: digest, labels: labels(n) });
    const target = { mediaType: n === 1 ? "text/plain" : "text/html", digest, size, annotations: {} };
    const image = complete(Image, { name: `example.test/image:${n}`, target, labels: labels(n) });
    await services.images.create({ image });
    await services.containers.create({
      container: complete(Container, {
        id: `container-${n}`,
        labels: labels(n),
        image: n === 1 ? "" : `example.test/image:${n}`,
        runtime: { name: "io.containerd.runc.v2", options: undefined },
        spec: { typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Spec", value: encode("{}") },
      }),
    });
    await services.leases.create({ id: `lease-${n}`, labels: labels(n) });
    if (kinds.includes("sandboxes")) {
      const sandbox = complete(Sandbox, { sandboxId: `sandbox-${n}`, labels: labels(n) });
      sandbox.runtime = { name: "io.containerd.runc.v2", options: undefined };
      await services.sandboxes.create({ sandbox });
    }
    const request = { snapshotter: "native", key: `snapshot-${n}`, labels: labels(n) };
    if (n === 1) {
      await services.snapshots.prepare({ ...request, key: "making" });
      await services.snapshots.commit({ ...request, name: request.key, key: "making" });
    } else if (n === 2) await services.snapshots.prepare({ ...request, parent: "snapshot-1" });
    else await services.snapshots.view({ ...request, parent: "snapshot-1" });
    const started = Promise.withResolvers<void>();
    const requests = new ReadableStream({
      start(controller) {
        open.push(controller);
        controller.enqueue({ action: WriteAction.WRITE, ref: `ingest-${n}`, offset: 0n, data: bytes });
      },
    });
    const answers = services.content.write(requests);
    writing.push(
      (async () => {
        for await (const _ of answers) started.resolve();
      })().catch(started.reject),
    );
    await started.promise;
  }
  return {
    async [Symbol.asyncDispose]() {
      for (const controller of open) controller.close();
      await Promise.allSettled(writing);
    },
  };
}

async function answers(
  address: string,
  kinds: readonly string[],
  refusals: readonly Code[],
): Promise<Map<string, string>> {
  await using client = await Client.connect(address, { namespace });
  await using _open = await fill(client, kinds);
  const found = new Map<string, string>();
  for (const kind of kinds) {
    const list = lists[kind]!;
    const ordinary = kind === "ingests" || kind === "plugins"
      ? everywhere.map((filters) => filters.map((filter) => filter.replaceAll("labels.number", "ref")))
      : everywhere;
    for (const filters of [[], ...ordinary, ...own[kind]!]) {
      found.set(`${kind} ${JSON.stringify(filters)}`, await answer(list(client, filters), refusals));
    }
  }
  return found;
}

const theirs: Record<string, Record<string, string> | undefined> = {
  "containerd of Debian 12": {},
  "containerd 2": containerd2() && { PATH: containerd2()!.path },
};

for (const [name, env] of Object.entries(theirs)) {
  Deno.test({
    name: `filters find and refuse what they do with ${name}`,
    ignore: !env,
    fn: async () => {
      await using theirs = await startContainerd("shm", env);
      const kinds = Object.keys(lists).filter((kind) => kind !== "sandboxes" || name === "containerd 2");
      await using ours = await startLongshore({ where: "shm" });
      // It gives no class to refusals of some lists.
      const expected = await answers(theirs.address, kinds, [Code.InvalidArgument, Code.Unknown]);
      const actual = await answers(ours.address, kinds, [Code.InvalidArgument]);
      const differences = [...expected].filter(([asked, found]) => actual.get(asked) !== found);
      assert.deepEqual(
        differences.map(([asked, found]) => `${asked}: ${found || "none"}, ours ${actual.get(asked)}`),
        [],
      );
      assert.ok(new Set(actual.values()).size > 20, "the filters tell things apart");
    },
  });
}
