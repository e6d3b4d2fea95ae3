/** Pipes of clients that died: those that live remove theirs themselves. */
import { exists } from "./files.ts";
import {
  Access,
  closeDescriptor,
  Errno,
  isClientsFifo,
  openFd,
  removeFifos,
  type StreamPaths,
  SystemError,
} from "../sys/mod.ts";

/** Removes the pipes of the process `id` that is gone, unless somebody reads. What can't be removed stays. */
export function removeAbandonedFifos(id: string, streams: StreamPaths): void {
  const outputs = (["stdout", "stderr"] as const).filter((name) => isClientsFifo(id, name, streams[name]));
  if (!outputs.length || outputs.some((name) => isRead(streams[name]))) return;
  try {
    removeFifos(id, streams);
  } catch {
    // The end of a process doesn't depend on it.
  }
}

/** Whether a pipe has a reader, as far as one can know; whoever waits to become one counts. */
function isRead(path: string): boolean {
  if (!exists(path)) return false;
  try {
    closeDescriptor(openFd(path, Access.WRITE | Access.NONBLOCK));
    return true;
  } catch (error) {
    return !(error instanceof SystemError && error.errno === Errno.ENXIO);
  }
}
