/** Connections of a listener, taken until it is closed. */
import { messageOf } from "../errors.ts";

/** A server that is running. */
export interface Server extends AsyncDisposable {
  /** Stops taking calls, cancels those under way, and waits (not for ever) for their end. */
  shutdown(): Promise<void>;
}

/** Accepts until the listener is closed. */
export async function accept(listener: Deno.Listener, take: (conn: Deno.Conn) => void): Promise<void> {
  while (true) {
    try {
      take(await listener.accept());
    } catch (error) {
      if (!isPassing(error)) return;
      // The server must still be there when it is over.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Whether there is nothing wrong with the listener: too many open files, or a client that left at once. */
function isPassing(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionAborted || /os error (23|24|105|12)\b/.test(messageOf(error));
}
