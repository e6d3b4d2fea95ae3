/** `ctr images inspect`: an image and all below it, as a tree. */
import type { Timestamp } from "../../api/google/protobuf/timestamp.ts";
import { ContentDefinition } from "../../api/services/content/v1/content.ts";
import { Code, invalidArgument, isError } from "../../errors.ts";
import { required } from "../arguments.ts";
import type { Call } from "../command.ts";
import { connect, type Daemon } from "../connect.ts";
import { platformText } from "../output/platforms.ts";
import { print } from "../output/print.ts";
import { type Part, readJson } from "./contents.ts";
import { findImage } from "./lookup.ts";

const middle = "├── ";
const last = "└── ";
const line = "│   ";
const space = "    ";
/** Indexes within indexes, at most. */
const deepest = 8;

/** What a tree is drawn with: the daemon, and whether labels and documents are shown. */
interface Drawing {
  readonly daemon: Daemon;
  readonly verbose: boolean;
}

export async function run(call: Call): Promise<void> {
  const [name] = required(call, "an image");
  await using daemon = await connect(call);
  const image = await findImage(daemon, name);
  print(
    `${image.name}\n${line} Created: ${time(image.createdAt)}\n${line} Updated: ${time(image.updatedAt)}\n`,
  );
  for (const [key, value] of Object.entries(image.labels).sort()) {
    print(`${line} Label ${JSON.stringify(key)}: ${JSON.stringify(value)}\n`);
  }
  const drawing = { daemon, verbose: call.flags.on("content") };
  await draw(drawing, image.target!, { first: last, below: space, depth: deepest });
}

/** What stands before a line of the tree, and before those below it. */
interface Place {
  readonly first: string;
  readonly below: string;
  readonly depth: number;
}

interface Node extends Part {
  readonly platform?: { os: string; architecture: string; variant?: string };
}

async function draw(drawing: Drawing, node: Node, { first, below, depth }: Place): Promise<void> {
  print(`${first}${headline(node)}`);
  const { platform } = node;
  if (platform?.architecture) {
    print(`${below}${line} Platform: ${platformText({ variant: "", ...platform })}\n`);
  }
  const document = await readJson(drawing.daemon, node).catch(unlessMissing);
  if (document === undefined) {
    print(`${below}${last} Content does not exist locally, skipping\n`);
    return;
  }
  await showContent(drawing, node, `${below}${line}`);
  if (Array.isArray(document.manifests)) {
    if (depth === 0) throw invalidArgument(`${node.digest}: indexes nest too deep`);
    await drawChildren(drawing, document.manifests, below, depth - 1);
  } else if (document.config) await drawManifest(drawing, document, below);
}

async function drawChildren(
  drawing: Drawing,
  manifests: Node[],
  below: string,
  depth: number,
): Promise<void> {
  for (const [n, child] of manifests.entries()) {
    const end = n === manifests.length - 1;
    await draw(drawing, child, {
      first: below + (end ? last : middle),
      below: below + (end ? space : line),
      depth,
    });
  }
}

async function drawManifest(
  drawing: Drawing,
  { config, layers = [] }: { config: Part; layers?: Part[] },
  below: string,
): Promise<void> {
  const end = layers.length === 0;
  print(`${below}${end ? last : middle}${headline(config)}`);
  await showContent(drawing, config, `${below}${end ? space : line}`);
  for (const [n, layer] of layers.entries()) {
    print(`${below}${n === layers.length - 1 ? last : middle}${headline(layer)}`);
  }
}

const headline = ({ mediaType, digest, size }: Part) => `${mediaType} @${digest} (${size} bytes)\n`;

async function showContent({ daemon, verbose }: Drawing, part: Part, before: string): Promise<void> {
  if (!verbose) return;
  const { info } = await daemon.stub(ContentDefinition).info({ digest: part.digest });
  const labels = Object.entries(info!.labels).sort();
  if (labels.length > 0) {
    print(`${before}┌────────Labels─────────\n`);
    for (const [key, value] of labels) {
      print(`${before}│${JSON.stringify(key)}: ${JSON.stringify(value)}\n`);
    }
    print(`${before}└───────────────────────\n`);
  }
  if (!part.mediaType.endsWith("json")) return;
  const text = JSON.stringify(await readJson(daemon, part), null, 3);
  print(`${before}┌────────Content────────\n`);
  print(text.split("\n").map((row) => `${before}│${row}\n`).join(""));
  print(`${before}└───────────────────────\n`);
}

/** As Go prints a time: `2026-11-23 18:05:30.352070773 +0000 UTC`. */
function time(stamp: Timestamp | undefined): string {
  if (!stamp) return "-";
  const text = new Date(Number(stamp.seconds) * 1000).toISOString().slice(0, 19).replace("T", " ");
  const fraction = stamp.nanos ? `.${String(stamp.nanos).padStart(9, "0").replace(/0+$/, "")}` : "";
  return `${text}${fraction} +0000 UTC`;
}

function unlessMissing(error: unknown): undefined {
  if (!isError(error, Code.NotFound)) throw error;
}
