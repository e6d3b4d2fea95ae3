/** `ctr oci` */
import type { Command } from "../command.ts";

export const commands: readonly Command[] = [
  {
    name: "spec",
    usage: "show the spec that a container gets when nothing else is said",
    description: "To be changed, and given to run --config.",
    examples: ["oci spec >config.json", "run --config config.json docker.io/library/alpine:latest edited"],
    load: () => import("./spec.ts"),
  },
];
