/** `ctr oci` */
import type { Command } from "../command.ts";

export const commands: readonly Command[] = [
  {
    name: "spec",
    usage: "see the output of the default OCI spec",
    description:
      "What a container gets that nothing is said about: to be changed, and given to run --config.",
    examples: ["oci spec >config.json", "run --config config.json docker.io/library/alpine:latest edited"],
    load: () => import("./spec.ts"),
  },
];
