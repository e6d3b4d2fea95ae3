/** Signals by name (signal(7), x86 and arm). */
import { invalidArgument } from "../errors.ts";

/** A signal's name, `SIGTERM` say, or its number. */
export type Signal = Deno.Signal | number;

const names =
  ("HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP " +
    "TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS").split(" ").map((name) => `SIG${name}`);
const others: Record<string, number> = { SIGIOT: 6, SIGPOLL: 29, SIGUNUSED: 31 };
const last = 64;

/** Throws InvalidArgument for what is no signal: zero, which is sent to nobody, would be taken for success. */
export function signalNumber(signal: Signal): number {
  const number = typeof signal === "number" ? signal : others[signal] ?? names.indexOf(signal) + 1;
  if (Number.isInteger(number) && number >= 1 && number <= last) return number;
  throw invalidArgument(`${JSON.stringify(signal)} is not a signal (SIGTERM, or 1 to ${last})`);
}
