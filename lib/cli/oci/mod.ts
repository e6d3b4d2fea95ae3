/** `ctr oci` */
import type { Command } from "../command.ts";

export const commands: readonly Command[] = [
  {
    name: "spec",
    usage: "show the spec that a container gets when nothing else is said",
    load: () => import("./spec.ts"),
  },
];
