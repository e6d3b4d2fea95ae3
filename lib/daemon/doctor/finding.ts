/** What a doctor says of one thing. */
export interface Finding {
  /** "ok"; "warn": something works less well or waits for somebody; "fail": something won't work. */
  readonly level: "ok" | "warn" | "fail";
  /** What was looked at, in a word or two. */
  readonly subject: string;
  readonly text: string;
  /** What to do about it. */
  readonly advice?: string;
  /** Takes it away; only where it is certain that it is nobody's. */
  readonly reap?: () => Promise<void>;
}

/** Reads a file of /proc or /sys; undefined if it isn't there. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    return undefined;
  }
}

/** The entries of a directory by name; none if it isn't there. */
export async function entriesOf(path: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
  } catch {
    return [];
  }
}

/** Whether somebody listens on a Unix socket. */
export async function answers(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch {
    return false;
  }
}
