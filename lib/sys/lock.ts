/** Advisory locks on files: one daemon to a root, one at a time for what is short. */
import { failedPrecondition } from "../errors.ts";

/**
 * Locks the file at `path` (made if absent) until the result is disposed or the process ends, and writes this
 * process's id into it. Throws FailedPrecondition, with the holder's process id, if somebody else holds it.
 */
export async function lockFile(path: string): Promise<Disposable> {
  const file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
  if (!await file.tryLock(true)) {
    file.close();
    const holder = (await Deno.readTextFile(path)).trim();
    throw failedPrecondition(`${path} is locked by process ${holder || "(unknown)"}`);
  }
  await file.truncate();
  await file.write(new TextEncoder().encode(`${Deno.pid}\n`));
  return { [Symbol.dispose]: () => file.close() };
}

/** Waits until nobody else holds the lock at `path`, a file that is there only while somebody does or waits for it. */
export async function waitForLock(path: string): Promise<AsyncDisposable> {
  for (;;) {
    const file = await Deno.open(path, { write: true, create: true, mode: 0o600 });
    await file.lock(true);
    const [own, there] = await Promise.all([file.stat(), Deno.stat(path).catch(() => undefined)]);
    if (there?.ino === own.ino && there?.dev === own.dev) {
      return {
        async [Symbol.asyncDispose]() {
          // Whoever waits on this file finds another one, or none, in its place.
          await Deno.remove(path);
          file.close();
        },
      };
    }
    file.close();
  }
}
