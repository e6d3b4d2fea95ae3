/** One action on several things: goes on after a failure, and fails in the end. */
import { messageOf } from "../errors.ts";
import { complain } from "./output/print.ts";

/** Runs `act` for each of `names`; each error gets its line. */
export async function forEach(names: readonly string[], act: (name: string) => Promise<void>): Promise<void> {
  const errors: unknown[] = [];
  for (const name of names) {
    try {
      await act(name);
    } catch (error) {
      errors.push(error);
    }
  }
  fail(errors);
}

/** As {@linkcode forEach}, with all at once: for what takes a while each. */
export async function forAll(names: readonly string[], act: (name: string) => Promise<void>): Promise<void> {
  const ends = await Promise.allSettled(names.map(act));
  fail(ends.flatMap((end) => end.status === "rejected" ? [end.reason] : []));
}

function fail(errors: readonly unknown[]): void {
  for (const error of errors.slice(0, -1)) complain(messageOf(error));
  if (errors.length) throw errors.at(-1);
}
