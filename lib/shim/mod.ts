/**
 * The built-in shim: one process that is the parent of all of a daemon's containers and outlives it.
 *
 * `ctr shim --state DIR --address SOCK` serves containerd's task service over ttrpc on
 * `DIR/shim/shim.sock`, and sends its events to the daemon's ttrpc socket SOCK. When it is ready it
 * writes a line to its standard output and lets go of it.
 */
export { runShim } from "./main.ts";
export { type ShimArguments, shimSocket } from "./arguments.ts";
