/** Tells the command line by which containerd runs a shim's executable from every other. */

import type { ShimCommand } from "../shim/mod.ts";

const valued = new Set(["-namespace", "-address", "-publish-binary", "-id", "-bundle", "-socket"]);

/**
 * Reads `-info`, and `-namespace NS -address SOCK -publish-binary PATH -id ID [-bundle DIR] [-debug] start|delete`; undefined
 * for any other command line. containerd always says -publish-binary, and nobody else does: the name that the
 * executable was called by need not be known.
 */
export function parseShimCommand(words: readonly string[]): ShimCommand | undefined {
  if (words.length === 1 && words[0] === "-info") {
    return { action: "info", namespace: "", id: "", bundle: "" };
  }
  if (!words.includes("-publish-binary")) return undefined;
  const values: Record<string, string> = {};
  let at = 0;
  for (; at < words.length - 1; at++) {
    if (words[at] === "-debug") continue;
    if (!valued.has(words[at]!)) return undefined;
    values[words[at]!] = words[++at]!;
  }
  const action = words[at];
  if (action !== "start" && action !== "delete") return undefined;
  return {
    action,
    namespace: values["-namespace"] ?? "",
    id: values["-id"] ?? "",
    bundle: values["-bundle"] ?? "",
  };
}
