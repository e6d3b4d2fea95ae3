/** Asks for a password, without showing it. */
import { usageError } from "../command.ts";
import { printError } from "../output/print.ts";

/** Reads a line from standard input, unseen where that is a terminal. */
export function askPassword(user: string): string {
  const terminal = Deno.stdin.isTerminal();
  if (terminal) {
    printError(`Password for ${user}: `);
    Deno.stdin.setRaw(true, { cbreak: true });
  }
  try {
    return readLine();
  } finally {
    if (terminal) {
      Deno.stdin.setRaw(false);
      printError("\n");
    }
  }
}

/** Reads a line of what everybody may see. */
export function askName(question: string): string {
  printError(question);
  return readLine();
}

function readLine(): string {
  const bytes: number[] = [];
  const one = new Uint8Array(1);
  while (Deno.stdin.readSync(one) && one[0] !== 10 && one[0] !== 13) bytes.push(one[0]!);
  if (bytes.length === 0) throw usageError("nothing was typed");
  return new TextDecoder().decode(new Uint8Array(bytes));
}
