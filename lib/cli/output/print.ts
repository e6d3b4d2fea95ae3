/** Writing to the terminal, without anything that takes time to load. */

const encoder = new TextEncoder();

/** Writes text to stdout. */
export function print(text: string): void {
  writeAll(Deno.stdout, encoder.encode(text));
}

/** Writes text to stderr. */
export function printError(text: string): void {
  writeAll(Deno.stderr, encoder.encode(text));
}

/** One line `ctr: ...` on stderr. Line breaks in the words, which a remote end may have chosen, are folded. */
export function complain(words: string): void {
  printError(`ctr: ${words.trim().replaceAll(/\s*\n\s*/g, "; ")}\n`);
}

/** Writes all of `bytes`: one write may take only a part. */
export function writeAll(to: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += to.writeSync(bytes.subarray(done));
}
