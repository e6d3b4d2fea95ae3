/** Holds the lock of the file named on the command line until its standard input ends. */
import { lockFile } from "../../../lib/sys/lock.ts";

using _lock = await lockFile(Deno.args[0]!);
console.log("locked");
await Deno.stdin.read(new Uint8Array(1));
