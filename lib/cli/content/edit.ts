/** `ctr content edit` */
import { ContentClient } from "../../client/content.ts";
import { invalidArgument, messageOf } from "../../errors.ts";
import { required } from "../arguments.ts";
import { type Call, usageError } from "../command.ts";
import { connect } from "../connect.ts";
import { print } from "../output/print.ts";
import { parseDigest } from "./digest.ts";

/** More is nothing to edit by hand. */
const largest = 64 * 1024 * 1024;

export async function run(call: Call): Promise<void> {
  const [text] = required(call, "a digest");
  const digest = parseDigest(text);
  const editor = call.flags.text("editor");
  if (!editor) throw usageError("please say by --editor or $EDITOR what to edit with");
  const validate = call.flags.text("validate");
  if (validate && validate !== "json") throw usageError(`--validate: only json is known, not ${validate}`);
  await using daemon = await connect(call);
  const content = new ContentClient(daemon);
  const { labels } = await content.info(digest);
  const bytes = await edited(editor, await content.readAll(undefined, digest, largest));
  if (validate) checkJson(bytes);
  // What the blob refers to stays referred to.
  const ref = `edit-${digest}-${crypto.randomUUID()}`;
  print(await content.write(ref, [bytes], { size: bytes.length, labels }) + "\n");
}

/** What an editor makes of some bytes, in a file that only we can read. */
async function edited(editor: string, before: Uint8Array): Promise<Uint8Array> {
  const file = await Deno.makeTempFile({ prefix: "ctr-edit-" });
  try {
    await Deno.writeFile(file, before);
    // An editor may have arguments: "code --wait".
    const args = ["-c", `${editor} "$1"`, "sh", file];
    const { success, code } = await new Deno.Command("/bin/sh", { args }).spawn().status;
    if (!success) throw usageError(`${editor} ended with ${code}: nothing is changed`);
    return await Deno.readFile(file);
  } finally {
    await Deno.remove(file);
  }
}

function checkJson(bytes: Uint8Array): void {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalidArgument(`what was edited is no JSON: ${messageOf(error)}`);
  }
}
