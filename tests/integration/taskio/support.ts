/** A daemon with an image, and what the tests of tasks' input, output and end have in common. */
import assert from "node:assert/strict";
import {
  busyboxImage,
  type Longshore,
  push,
  Scratch,
  startLongshore,
  startRegistry,
} from "../../harness/mod.ts";

export async function withDaemon(
  test: (daemon: Longshore, image: string, scratch: Scratch) => Promise<void>,
): Promise<void> {
  await using scratch = await Scratch.make("shm");
  await using registry = await startRegistry({ where: "shm" });
  await using daemon = await startLongshore({ where: "shm" });
  const image = await push(await busyboxImage(scratch), registry, "box:1");
  await ok(daemon, "images", "pull", image);
  await test(daemon, image, scratch);
}

/** What a command prints. */
export async function ok(daemon: Longshore, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.ctr(args);
  assert.equal(code, 0, `ctr ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** What a command that fails says. */
export async function fails(daemon: Longshore, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.ctr(args);
  assert.equal(code, 1, `ctr ${args.join(" ")}: ${stdout}${stderr}`);
  return stderr;
}

export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let n = 0; n < 400; n++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`not within 10 s: ${what}`);
}

export async function statusOf(daemon: Longshore, id: string): Promise<string | undefined> {
  const line = (await ok(daemon, "tasks", "ls")).split("\n").find((line) => line.startsWith(`${id} `));
  return line?.trim().split(/\s+/).at(-1);
}

export const exists = (path: string) => Deno.lstat(path).then(() => true, () => false);
