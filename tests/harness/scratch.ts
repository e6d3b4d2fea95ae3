/** A directory of a test's own, with whatever was mounted below it, gone at the end. */
import { must } from "./command.ts";

export class Scratch implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes one, in memory (`shm`) if asked: ext4 is slow after many deletions. */
  static async make(where: "disk" | "shm" = "disk"): Promise<Scratch> {
    const dir = where === "shm" ? "/dev/shm" : undefined;
    return new Scratch(await Deno.makeTempDir({ prefix: "longshore-test-", dir }));
  }

  /** A path below it. */
  join(...parts: string[]): string {
    return [this.path, ...parts].join("/");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const target of mountsBelow(this.path)) await must("umount", ["--lazy", target]);
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Mount points below a directory, last mounted first. */
export function mountsBelow(path: string): string[] {
  return Deno.readTextFileSync("/proc/self/mounts").split("\n")
    .map((line) => unescape(line.split(" ")[1] ?? ""))
    .filter((target) => target.startsWith(path + "/"))
    .reverse();
}

function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
}
