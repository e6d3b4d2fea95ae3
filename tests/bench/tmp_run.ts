import { ctrPath, must, push, Scratch, startLongshore, startRegistry } from "../harness/mod.ts";
import { pullImage } from "./image.ts";
import { measureLatency } from "./pull_tmp.ts";
const scratch = await Scratch.make("shm");
const registry = await startRegistry({ where: "shm" });
const ours = await startLongshore({ where: "shm" });
const sides = {
  ours,
  theirs: ours,
  ctr: (_: string, ...args: string[]) =>
    must(ctrPath, ["--address", ours.address, ...args], { timeout: 240000 }),
};
const ref = await push(await pullImage(scratch), registry, "layers:latest");
const bench = { sides, layered: () => Promise.resolve(ref), path: (n: string) => scratch.join(n) };
console.log(JSON.stringify(await measureLatency(bench as never), null, 1));
console.log(/VmHWM.*/.exec(await Deno.readTextFile(`/proc/${ours.pid}/status`))![0]);
await ours.crash();
await ours[Symbol.asyncDispose]();
await registry[Symbol.asyncDispose]();
await scratch[Symbol.asyncDispose]();
Deno.exit(0);
