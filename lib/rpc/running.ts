/** The end of what is under way. */

/** How long a handler, or a Worker, may take to notice that its work was cancelled, in milliseconds. */
const patience = 5000;

/** Waits until all have ended, whichever way; one that never does costs {@linkcode patience}, not for ever. */
export async function ended(running: Iterable<Promise<unknown>>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, patience));
  await Promise.race([Promise.allSettled(running), late]);
  clearTimeout(timer);
}
