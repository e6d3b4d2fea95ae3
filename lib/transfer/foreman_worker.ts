/** A Worker that starts Workers and passes on what is said to them and by them; see foreman.ts. */
/// <reference lib="deno.worker" />
import { yieldToOthers } from "../sys/mod.ts";
import { type Hand, startHere } from "./foreman.ts";
import type { FromForeman, ToForeman } from "./foreman_job.ts";

// Those that it starts begin with its priority.
yieldToOthers();

const hands = new Map<number, Hand>();

self.onmessage = ({ data }: MessageEvent<ToForeman>) => {
  if (data.type === "start") return start(data.id, data.url);
  if (data.type === "post") return hands.get(data.id)?.postMessage(data.message);
  hands.get(data.id)?.terminate();
  hands.delete(data.id);
};

function start(id: number, url: string): void {
  try {
    const hand = startHere(new URL(url));
    hand.onmessage = ({ data }) => tell({ type: "message", id, data });
    hand.oncrash = (why) => {
      hands.delete(id);
      tell({ type: "crash", id, why });
    };
    hands.set(id, hand);
  } catch (error) {
    tell({ type: "crash", id, why: String(error) });
  }
}

const tell = (message: FromForeman) => self.postMessage(message);
