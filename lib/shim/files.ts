/** Small questions to directories in memory, answered at once. */

/** Whether anything is there. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Removes a file; one that can't be removed stays. */
export function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Nobody needs it any more, whether it is there or not.
  }
}
