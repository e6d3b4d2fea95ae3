/** A Worker that compares two trees: reading all of both is too much for the daemon's main thread. */
/// <reference lib="deno.worker" />
import { differences } from "../archive/mod.ts";
import { messageOf } from "../errors.ts";
import { yieldToOthers } from "../sys/mod.ts";
import type { Compared, Comparison } from "./compare.ts";

yieldToOthers();

self.onmessage = ({ data }: MessageEvent<Comparison>) => {
  self.postMessage(answer(data));
};

function answer({ expected, found }: Comparison): Compared {
  try {
    return { differences: differences(expected, found) };
  } catch (error) {
    return { failed: messageOf(error) };
  }
}
