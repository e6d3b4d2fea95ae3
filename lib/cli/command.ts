/** What a command is: an entry of a table, whose code is loaded when it runs. */
import { Code, CtrError } from "../errors.ts";

/** One flag of a command. Without `value` it is a switch. */
export interface Flag {
  readonly name: string;
  readonly short?: string;
  readonly usage: string;
  /** What the help calls the value: `value`, `path`, ... */
  readonly value?: string;
  /** May be given several times. */
  readonly many?: true;
  /** Environment variable that stands in for the flag. */
  readonly env?: string;
  readonly default?: string;
}

/** What a running command has been given. */
export interface Call {
  readonly globals: Globals;
  readonly flags: Flags;
  /** The arguments that are no flags. */
  readonly args: readonly string[];
  readonly command: Command;
  /** "ctr images ls" */
  readonly path: string;
}

/** What holds for any command. */
export interface Globals {
  readonly address: string;
  /** Whether the user named an address, by flag or environment. Then no daemon is started for them. */
  readonly addressGiven: boolean;
  readonly namespace: string;
  readonly debug: boolean;
  readonly autostart: boolean;
  /** Aborted when the time of `--timeout` is over. */
  readonly signal?: AbortSignal;
  /** Milliseconds; 0 for as long as it takes. */
  readonly connectTimeout: number;
}

/** The flags of a call, by their long names. */
export interface Flags {
  /** Whether the user gave it, whatever the value. */
  has(name: string): boolean;
  on(name: string): boolean;
  /** The last value given, else the environment's, else the default, else "". */
  text(name: string): string;
  /** All values given. */
  list(name: string): string[];
}

/** A command's code. The number is the exit code; none is 0. */
export type Run = (call: Call) => Promise<number | void>;

/** A command, or a group of commands. */
export interface Command {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** What it does, in a line. */
  readonly usage: string;
  /** What stands after its name: `<ref> [<ref>, ...]` */
  readonly arguments?: string;
  readonly description?: string;
  /** Command lines that work, without the leading `ctr`. */
  readonly examples?: readonly string[];
  readonly flags?: readonly Flag[];
  /** Flags of a command that has many: loaded when it is named. */
  readonly lazyFlags?: () => Promise<readonly Flag[]>;
  /** After so many arguments all that follows belongs to the container's command, dashes or not. */
  readonly operands?: number;
  /** Left out of the list of commands. */
  readonly hidden?: true;
  /** Its arguments are handed on unread. */
  readonly raw?: true;
  readonly load?: () => Promise<{ run: Run }>;
  /** For a group: the group with its commands. */
  readonly group?: () => Promise<{ commands: readonly Command[] }>;
}

/** An error in how a command was written: shown as it is, without a class. */
export function usageError(what: string): CtrError {
  return new CtrError(Code.Unknown, what);
}
