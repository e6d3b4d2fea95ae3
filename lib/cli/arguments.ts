/** What a command needs to be told. */
import { type Call, usageError } from "./command.ts";

/** The arguments, the first of which there must be; `what` names it. */
export function required(call: Call, what: string): [string, ...string[]] {
  const [first, ...rest] = call.args;
  if (!first) throw usageError(`please provide ${what}: ${written(call)}`);
  return [first, ...rest];
}

/** Two arguments and what follows. */
export function requiredTwo(call: Call, first: string, second: string): [string, string, ...string[]] {
  const [one, two, ...rest] = required(call, first);
  if (!two) throw usageError(`please provide ${second}: ${written(call)}`);
  return [one, two, ...rest];
}

const written = ({ path, command }: Call) => `${path} ${command.arguments ?? ""}`.trimEnd();
