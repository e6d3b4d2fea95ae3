/** The end of what a server has under way. */

/** How long a handler may take to notice that its call was cancelled, in milliseconds. */
const patience = 5000;

/** Waits until all have ended, whichever way; a handler that never does costs {@linkcode patience}, not for ever. */
export async function ended(running: Iterable<Promise<unknown>>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, patience));
  await Promise.race([Promise.allSettled(running), late]);
  clearTimeout(timer);
}
