/**
 * Places where tests make a process die as kill -9 or a power cut would have it: `CTR_FAULT=NAME:COUNT:FILE` ends
 * the process that comes by NAME for the COUNTth time, unless FILE is there; it is made then, so that one death
 * is all there is, whoever is started with that environment afterwards.
 */

/** What is about to happen, or has just happened, when a process comes by. */
export const faultPoints = [
  // A blob on its way into an ingest (a layer's bytes in a Worker), and from there to its place.
  "content.write",
  "layer.write",
  "content.sync",
  "content.rename",
  "content.renamed",
  // A transaction of the metadata file.
  "metadata.commit",
  "metadata.committed",
  // A directory for a layer's files, before any is in it.
  "snapshot.staged",
  // A layer whose files are complete, and has no record yet.
  "snapshot.sealed",
  // Records are gone, files are not.
  "gc.sweep",
  // One store is rid of its files, others may not be.
  "gc.swept",
  "event.publish",
  "event.published",
  // A task's bundle, and calls of its shim.
  "task.bundle",
  "task.call",
  "task.answered",
  "task.forget",
  // In the shim.
  "shim.mounted",
  "shim.runc",
  "shim.runc-spawned",
  "shim.runc-ended",
  "shim.recorded",
  "shim.exit",
  "shim.delete",
  "shim.deleted",
  "shim.event",
  "shim.event-sent",
] as const;

export type FaultPoint = typeof faultPoints[number];

interface Fault {
  readonly name: string;
  readonly file: string;
  left: number;
}

const fault = parse(Deno.env.get("CTR_FAULT"));

/** Comes by a place. */
export function faultPoint(name: FaultPoint): void {
  if (fault?.name === name && --fault.left === 0) die(fault.file);
}

function parse(text: string | undefined): Fault | undefined {
  const [, name, count, file] = /^([\w.-]+):(\d+):(\/.*)$/s.exec(text ?? "") ?? [];
  return file ? { name: name!, file, left: Number(count) } : undefined;
}

function die(file: string): void {
  try {
    Deno.openSync(file, { write: true, createNew: true }).close();
  } catch {
    return;
  }
  Deno.kill(Deno.pid, "SIGKILL");
  // Until the signal is here nothing more may happen.
  for (;;);
}
