/** How a failed command ends: one line, and an exit code. */
import { messageOf } from "../errors.ts";
import { complain } from "./output/print.ts";

/** What a shell reports for a program that wrote into a pipe nobody reads. */
const brokenPipe = 141;

/** Prints an error and gives the exit code. */
export function report(error: unknown, debug: boolean): number {
  if (error instanceof Deno.errors.BrokenPipe) return brokenPipe;
  complain(messageOf(error));
  if (debug && error instanceof Error && error.stack) {
    Deno.stderr.writeSync(new TextEncoder().encode(error.stack + "\n"));
  }
  return 1;
}
