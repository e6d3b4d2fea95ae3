/** Signals by name (signal(7), x86 and arm). */
import { usageError } from "../command.ts";

const names =
  ("HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP " +
    "TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS").split(" ");

/** The number of `KILL`, `SIGKILL`, `sigkill`, `9` or `RTMIN+3`. */
export function parseSignal(text: string): number {
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 64) return Number(text);
  const name = text.toUpperCase().replace(/^SIG/, "");
  const at = names.indexOf(name);
  if (at >= 0) return at + 1;
  const realTime = /^RT(MIN\+|MAX-)(\d+)$/.exec(
    name === "RTMIN" ? "RTMIN+0" : name === "RTMAX" ? "RTMAX-0" : name,
  );
  const number = realTime
    ? (realTime[1] === "MIN+" ? 34 + Number(realTime[2]) : 64 - Number(realTime[2]))
    : 0;
  if (number < 34 || number > 64) throw usageError(`invalid signal: ${text}`);
  return number;
}
