/** The file that needs no native base: a stub of fixed length, Deno and the program behind it. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { dirname, join } from "node:path";

/** Length of the stub, filled up with newlines: a payload's place doesn't depend on the stub's text. */
const stubLength = 8192;

/** Writes `output` from the bundle in the folder `program` and the deno that runs this. */
export async function writeSelfContained(program: string, output: string): Promise<void> {
  const runtime = await Deno.readFile(Deno.execPath());
  const packedRuntime = await packRuntime(runtime, dirname(output));
  const packedProgram = gzipSync(await tarOf(program), { level: 9 });
  const stub = await Deno.readTextFile(new URL("./stub.sh", import.meta.url));
  const text = fill(stub, {
    RUNTIME: digest(runtime),
    RUNTIME_AT: stubLength + 1,
    RUNTIME_SIZE: packedRuntime.length,
    RUNTIME_BYTES: runtime.length,
    PROGRAM: digest(packedProgram),
    PROGRAM_AT: stubLength + packedRuntime.length + 1,
    PROGRAM_SIZE: packedProgram.length,
  });
  if (text.length > stubLength) throw new Error(`the stub has ${text.length} bytes, more than ${stubLength}`);
  const padded = new TextEncoder().encode(text.padEnd(stubLength, "\n"));
  const temporary = `${output}.new`;
  await Deno.writeFile(temporary, Buffer.concat([padded, packedRuntime, packedProgram]), { mode: 0o755 });
  await Deno.rename(temporary, output);
}

/** Compressing 95 MB takes seconds and the runtime seldom changes, so the result is kept. */
async function packRuntime(runtime: Uint8Array, dir: string): Promise<Uint8Array> {
  const kept = join(dir, `.deno-${digest(runtime)}.gz`);
  try {
    return await Deno.readFile(kept);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const packed = gzipSync(runtime, { level: 9 });
  await Deno.writeFile(`${kept}.new`, packed);
  await Deno.rename(`${kept}.new`, kept);
  return packed;
}

async function tarOf(dir: string): Promise<Uint8Array> {
  const reproducible = [
    "--sort=name",
    "--mtime=@0",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--mode=u=rwX",
  ];
  const { code, stdout, stderr } = await new Deno.Command("tar", {
    args: [...reproducible, "-C", dir, "-cf", "-", "."],
  }).output();
  if (code !== 0) throw new Error(`tar failed: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}

function fill(template: string, values: Record<string, string | number>): string {
  return template.replace(/@(\w+)@/g, (_, name) => String(values[name]));
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 32);
}
