/** A Worker that says or does what it is told. */
/// <reference lib="deno.worker" />
self.onmessage = ({ data }: MessageEvent<{ say: string } | { fail: string }>) => {
  if ("fail" in data) throw new Error(data.fail);
  self.postMessage(data.say);
};
