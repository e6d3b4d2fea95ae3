/** Connections of a listener, taken until it is closed. */
import { messageOf } from "../errors.ts";
import { ended } from "./running.ts";

/** A server that is running. */
export interface Server extends AsyncDisposable {
  /** Stops taking calls, cancels those under way, and waits (not for ever) for their end. */
  shutdown(): Promise<void>;
}

/** A client's connection. */
interface Served {
  /** From its first request to the end of its last handler. */
  serve(): Promise<void>;
  /** Cancels what it has asked for, and hangs up. */
  close(): void;
}

/** Serves every connection of a listener, which is closed in the end. */
export function serveConnections(listener: Deno.Listener, open: (conn: Deno.Conn) => Served): Server {
  const connections = new Map<Served, Promise<void>>();
  const accepting = accept(listener, (conn) => {
    const connection = open(conn);
    connections.set(connection, connection.serve().finally(() => connections.delete(connection)));
  });
  const shutdown = async () => {
    listener.close();
    const ends = [...connections.values()];
    for (const connection of connections.keys()) connection.close();
    await ended([accepting, ...ends]);
  };
  return { shutdown, [Symbol.asyncDispose]: shutdown };
}

/** Accepts until the listener is closed. */
async function accept(listener: Deno.Listener, take: (conn: Deno.Conn) => void): Promise<void> {
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
