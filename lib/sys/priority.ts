/** How much of the processors a thread gets when there are more who want them. */
import { check, libc } from "./libc.ts";

const c = libc({
  getpriority: { parameters: ["i32", "u32"], result: "i32" },
  setpriority: { parameters: ["i32", "u32", "i32"], result: "i32" },
});

/** To Linux this is a thread, and 0 the one that calls. */
const PRIO_PROCESS = 0;
/** How much nicer than the rest of its process a thread is that has much to do and nobody to answer. */
const BULK = 5;
const NICEST = 19;

/**
 * Lets others go first where the processors are busy: for Workers with much to do, beside whom the daemon's main
 * thread has to answer within milliseconds. It holds for the calling thread and for those that it starts.
 */
export function yieldToOthers(): void {
  // Counted from the process's first thread: a thread that was started by one that yields, yields no more than that.
  const first = c.getpriority(PRIO_PROCESS, Deno.pid);
  check(c.setpriority(PRIO_PROCESS, 0, Math.min(first + BULK, NICEST)), "setpriority");
}
