/** The daemon's log: a line an event on standard error, as key=value pairs. */

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = typeof logLevels[number];

/** Writes what is at least as important as its level. */
export interface Log {
  (level: LogLevel, message: string, fields?: Record<string, unknown>): void;
}

/** A log of lines to `write` (standard error unless said). */
export function createLog(threshold: LogLevel, write: (line: string) => void = toStderr): Log {
  const least = logLevels.indexOf(threshold);
  return (level, message, fields = {}) => {
    if (logLevels.indexOf(level) < least) return;
    const pairs = { time: new Date().toISOString(), level, msg: message, ...fields };
    write(Object.entries(pairs).map(([key, value]) => `${key}=${quoted(String(value))}`).join(" ") + "\n");
  };
}

function quoted(value: string): string {
  return /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value);
}

function toStderr(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(line));
}
